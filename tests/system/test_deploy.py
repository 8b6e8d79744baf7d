"""The files of deploy/ are accepted by the programs that read them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from clusterctl.config import load

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")


def with_our_binary(unit: Path, folder: Path) -> Path:
    """A copy whose program exists here: verify looks for it."""
    copy = folder / unit.name
    text = unit.read_text(encoding="utf-8").replace("/usr/local/bin/clusterctl", "/bin/true")
    copy.write_text(text, encoding="utf-8")
    return copy


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(with_our_binary(unit, tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    assert not ours, done.stderr


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_sandbox_is_tight(unit: Path, tmp_path: Path) -> None:
    copy = with_our_binary(unit, tmp_path)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    verdict = [line for line in done.stdout.splitlines() if "Overall exposure level" in line]
    assert verdict, done.stdout + done.stderr
    level = float(verdict[0].split(":")[1].split()[0])
    assert level <= 4.0, verdict[0]


def test_units_set_only_settings_that_exist() -> None:
    for unit in UNITS:
        env = dict(
            line.removeprefix("Environment=").split("=", 1)
            for line in unit.read_text(encoding="utf-8").splitlines()
            if line.startswith("Environment=CLUSTERCTL_")
        )
        assert env
        load(None, env)
        from clusterctl.config import knobs

        assert set(env) <= {knob.env for knob in knobs()}, unit.name


def test_the_grafana_data_source_is_the_one_that_panels_name() -> None:
    text = (ROOT / "deploy" / "grafana" / "datasource.yaml").read_text(encoding="utf-8")
    assert f"uid: {load(None, {}).grafana.datasource_uid}\n" in text
    assert "type: grafana-clickhouse-datasource\n" in text
