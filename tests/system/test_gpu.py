"""GPUs through the real pynvml and a libnvidia-ml.so.1 of our own, compiled here; skipped where there is no C compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Running, ok, report, wait_for

SOURCE = Path(__file__).resolve().parents[1] / "support" / "fake_nvml" / "nvml.c"
pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nvml")
    command = [
        "cc",
        "-shared",
        "-fPIC",
        "-O1",
        "-Wall",
        "-Werror",
        "-Wno-format-truncation",
        "-Wl,-soname,libnvidia-ml.so.1",
    ]
    subprocess.run([*command, "-o", str(folder / "libnvidia-ml.so.1"), str(SOURCE)], check=True)
    return folder


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    return tmp_path / "scenario"


@pytest.fixture
def env(local_env: dict[str, str], library: Path, scenario: Path, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "kmsg").touch()
    return {
        **local_env,
        "LD_LIBRARY_PATH": str(library),
        "FAKE_NVML_SCENARIO": str(scenario),
        "CLUSTERCTL_AGENT_KMSG_PATH": str(tmp_path / "kmsg"),
        "CLUSTERCTL_AGENT_NVML_DEADLINE_S": "1.5",
        "CLUSTERCTL_SITE_GPUS_EXPECTED": "8",
    }


def once(env: Mapping[str, str]) -> dict[str, Any]:
    return dict(json.loads(ok(env, "agent", "once", "--format", "json")))


def test_every_reading_of_every_gpu(env: dict[str, str], scenario: Path) -> None:
    scenario.write_text("gpus 8\npower 632000\n")
    tick = once(env)
    assert (tick["gpus_expected"], tick["gpus_seen"], tick["blind"]) == (8, 8, [])
    gpu = tick["gpu_sample"][5]
    assert gpu["gpu_uuid"] == "GPU-00000000-0000-0000-0000-000000000005"
    assert gpu["pci"] == "0000:45:00.0"
    assert (gpu["power_mw"], gpu["energy_mj"], gpu["memory_temp_c"]) == (632_000, 123_456_789_012, 54)
    assert gpu["temp_margin_c"] == -3, "thresholds are signed"
    assert (gpu["sm_clock_mhz"], gpu["memory_clock_mhz"], gpu["util_ratio"]) == (1_980, 2_619, 0.97)
    assert gpu["memory_total_bytes"] == 85_520_809_984
    assert (gpu["pcie_replays"], gpu["recovery_action"], gpu["throttle_mask"]) == (7, 0, 4)
    inventory = {row["subject"]: row for row in tick["inventory"]}[gpu["gpu_uuid"]]
    assert (inventory["model"], inventory["driver_version"]) == ("NVIDIA H100 80GB HBM3", "580.95.05")


def test_a_lost_gpu_does_not_silence_its_neighbours(env: dict[str, str], scenario: Path) -> None:
    scenario.write_text("gpus 8\nlost 5\n")
    tick = once(env)
    assert tick["gpus_seen"] == 7
    assert len(tick["gpu_sample"]) == 8, "its row is there, without readings"
    assert tick["gpu_sample"][5]["power_mw"] is None
    assert tick["gpu_sample"][6]["power_mw"] is not None


def test_no_driver_is_said_and_survived(env: dict[str, str], scenario: Path) -> None:
    scenario.write_text("no_driver\n")
    tick = once(env)
    assert tick["gpus_seen"] is None
    assert tick["blind"] == ["gpu:no_NVIDIA_driver"]
    assert tick["host_sample"]["memory_total_bytes"] > 0


def test_a_hung_driver_is_a_finding_while_the_rest_goes_on(env: dict[str, str], scenario: Path, tmp_path: Path) -> None:
    scenario.write_text("gpus 8\n")
    with Running(env, "up", "--period-s", "0.5") as running:
        assert wait_for(lambda: "8 GPUs seen" in summary(env), 60)
        scenario.write_text("gpus 8\nhang 2\n")
        time.sleep(4.0)
        with (tmp_path / "kmsg").open("a") as log:
            us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
            log.write(f"3,9,{us},-;NVRM: Xid (PCI:0000:42:00): 119, pid=7, name=nvidia-smi, Timeout after 6s\n")
        assert wait_for(lambda: any(i["episodes"] == 2 for i in cluster(env)["incidents"]), 30)
        running.stop(60.0)
    assert "nvml hung" in summary(env)
    assert [(i["cause"], i["class"]) for i in cluster(env)["incidents"]] == [("NVML_HUNG", "unknown")], (
        "and the Xid joined"
    )
    assert cluster(env)["coverage"]["gpus_seen"] is None


def test_an_nvml_event_and_a_kernel_line_are_one_incident_and_exposure_is_counted(
    env: dict[str, str], scenario: Path, tmp_path: Path
) -> None:
    scenario.write_text("gpus 8\n")
    with Running(env, "up", "--period-s", "0.5") as running:
        assert wait_for(lambda: "8 GPUs seen" in summary(env), 60)
        scenario.write_text("gpus 8\nxid 3 48\n")
        with (tmp_path / "kmsg").open("a") as log:
            us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
            log.write(f"3,9,{us},-;NVRM: Xid (PCI:0000:43:00): 48, pid=0, An uncorrectable double bit error\n")
        assert wait_for(lambda: any(i["gpu"].startswith("GPU-") for i in cluster(env)["incidents"]), 30)
        running.stop(60.0)
    found = cluster(env)
    assert [(i["cause"], i["episodes"], i["signals"]) for i in found["incidents"]] == [("XID 48", 1, 1)]
    assert found["incidents"][0]["gpu"] == "GPU-00000000-0000-0000-0000-000000000003"
    faults = found["faults"]
    assert faults["count"] == 1
    minutes = found["coverage"]["node_minutes"]
    assert faults["gpu_days"]["in_service"] == pytest.approx(8 * minutes / 1440)
    assert faults["per_1000_gpu_days"]["value"] == pytest.approx(1000 * 1440 / (8 * minutes))
    assert all(verdict["verdict"].startswith(("not decided", "above")) for verdict in faults["verdicts"])


def cluster(env: Mapping[str, str]) -> dict[str, Any]:
    found = report(env)["clusters"]
    return dict(found[0]) if found else {"coverage": {"summary": ""}, "incidents": []}


def summary(env: Mapping[str, str]) -> str:
    return str(cluster(env)["coverage"]["summary"])
