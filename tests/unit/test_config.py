"""One file, one place a setting, and a clear line for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusterctl.config import Config, knobs, load
from clusterctl.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_no_file_gives_the_defaults() -> None:
    assert load(None, {}) == Config()


def test_a_file_and_then_the_environment(tmp_path: Path) -> None:
    file = write(
        tmp_path / "c.toml", '[site]\ncluster = "alpha"\n[agent]\nperiod_s = 1\n[analytics]\ntargets = [0.3]\n'
    )
    config = load(file, {"CLUSTERCTL_AGENT_PERIOD_S": "2.5", "CLUSTERCTL_STORE_PASSWORD": "0123"})
    assert config.site.cluster == "alpha"
    assert config.agent.period_s == 2.5
    assert config.store.password == "0123", "text is text, whatever it looks like"
    assert config.analytics.targets == (0.3,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[agent]\nperiod = 1\n", "agent.period: unknown key"),
        ("[agnet]\n", r"unknown section \[agnet\], expected one of site, agent"),
        ('[agent]\nperiod_s = "1"\n', "agent.period_s: expected float, got '1'"),
        ("[agent]\nperiod_s = true\n", "agent.period_s: expected float"),
        ("[agent]\nperiod_s = 0\n", "agent.period_s: expected at least 0.1"),
        ("[agent]\nperiod_s = nan\n", "agent.period_s: expected at least 0.1"),
        ('[bus]\nkind = "rabbit"\n', "bus.kind: expected one of local, kafka"),
        ("[store]\nport = 1.5\n", "store.port: expected int"),
        ("[analytics]\ntargets = [0.1, -1]\n", "analytics.targets: expected a list of numbers above zero"),
        ("site = 3\n", "site is a section"),
        ("not toml", "c.toml: "),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as wrong:
        load(write(tmp_path / "c.toml", text), {})
    assert "\n" not in str(wrong.value)


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(str(tmp_path / "none.toml"), {})


def test_the_environment_is_named_when_it_is_wrong() -> None:
    with pytest.raises(ConfigError, match="environment: CLUSTERCTL_STORE_PORT: expected int"):
        load(None, {"CLUSTERCTL_STORE_PORT": "many"})


def test_numbers_carry_their_unit_in_the_name() -> None:
    units = ("_s", "_h", "_bytes", "_rows", "_max_bytes", "_partitions", "_factor")
    units += ("_min", "_days", "_c", "_ratio", "_per_s", "_per_min", "_per_h", "_ms", "_uw", "_count", "_ber")
    plain = {"gpus_expected", "port", "max_in_flight", "min_coverage", "writers"}
    plain |= {"dead_share", "dead_floor", "dead_in_a_row"}
    for knob in knobs():
        if knob.type in (int, float):
            assert knob.name.endswith(units) or knob.name in plain, knob.name


def test_every_setting_is_used() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("agent", "collector", "analytics", "dashboards", "clusterctl")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "config.py"
    )
    unused = [knob.name for knob in knobs() if f".{knob.name}" not in code and knob.name not in ("host", "data_dir")]
    assert unused == []


def test_the_example_file_is_accepted(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "examples" / "clusterctl.toml").read_text(encoding="utf-8")
    uncommented = "\n".join(line[2:] if line.startswith("# ") and " = " in line else line for line in text.splitlines())
    assert load(write(tmp_path / "c.toml", text), {}) == Config()
    assert load(write(tmp_path / "d.toml", uncommented), {}) == Config()
