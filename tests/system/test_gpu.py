"""GPUs through the real pynvml and a libnvidia-ml.so.1 of our own, compiled here; skipped where there is no C compiler."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from clusterctl.config import load
from clusterctl.schema import GPU_HEALTH, GPU_LINK_SAMPLE, GPU_SAMPLE
from clusterctl.store import Store, open_store
from tests.support.cli import Running, ok, report, wait_for
from tests.support.fake_nvml import FakeNvml, compiler
from tests.support.gpu_node import GpuNode

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler")
GPU3 = "GPU-00000000-0000-0000-0000-000000000003"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nvml")


@pytest.fixture
def node(tmp_path: Path, library: Path, local_env: dict[str, str]) -> GpuNode:
    found = GpuNode(tmp_path, library, local_env)
    found.env["CLUSTERCTL_AGENT_NVML_DEADLINE_S"] = "1.5"
    found.env["CLUSTERCTL_AGENT_PERIOD_S"] = "0.5"
    return found


def test_every_reading_of_every_gpu(node: GpuNode) -> None:
    node.nvml.say("gpus 8 h100", "set all frozen 1", "set 5 margin_c -3")
    tick = node.once()
    assert (tick["gpus_expected"], tick["gpus_seen"], tick["blind"]) == (8, 8, [])
    gpu = tick["gpu_sample"][5]
    assert gpu["gpu_uuid"] == "GPU-00000000-0000-0000-0000-000000000005"
    assert gpu["pci"] == "0000:45:00.0"
    assert (gpu["power_mw"], gpu["memory_temp_c"]) == (632_000, 54)
    assert gpu["temp_margin_c"] == -3, "thresholds are signed"
    assert (gpu["sm_clock_mhz"], gpu["memory_clock_mhz"], gpu["util_ratio"]) == (1_980, 2_619, 0.97)
    assert gpu["memory_total_bytes"] == 85_520_809_984
    assert (gpu["pcie_replays"], gpu["recovery_action"], gpu["throttle_mask"]) == (7, 0, 4)
    assert 0 < gpu["tensor_active_ratio"] < gpu["sm_active_ratio"] <= 1, "GPM, between two readings"
    inventory = {row["subject"]: row for row in tick["inventory"]}[gpu["gpu_uuid"]]
    assert (inventory["model"], inventory["driver_version"]) == ("NVIDIA H100 80GB HBM3", "580.95.05")
    links = tick["gpu_link_sample"][5]
    assert (links["nvlink_links"], links["nvlink_active_mask"]) == (18, 2**18 - 1)
    assert (links["sw_thermal_ns"], links["hw_thermal_ns"]) == (11_000_000_000, 12_000_000_000)
    health = tick["gpu_health"][5]
    assert (health["remap_banks_max"], health["fabric_state"], health["ecc_enabled"]) == (2_560, 3, 1)
    assert (health["margin_slowdown_c"], health["margin_shutdown_c"]) == (-2, -8)
    assert (health["power_limit_mw"], health["pcie_gen"], health["pcie_width"]) == (700_000, 5, 16)
    assert len(tick["nvlink_sample"]) == 8 * 18


ABSENT = {
    "h100": {"c2c_replays", "nvlink_symbol_errors", "retired_pages_sbe", "temp_slowdown_c"},
    "a100": {"temp_margin_c", "power_average_mw", "sm_active_ratio", "nvlink_symbol_errors"},
    "b200": {"nvlink_crc_errors", "nvlink_replays", "c2c_replays"},
    "gb200": {"nvlink_crc_errors", "nvlink_replays"},
    "l40s": {"memory_temp_c", "nvlink_links", "fabric_state"},
    "t4": {"memory_temp_c", "nvlink_links", "temp_margin_c", "remapped_corrected", "sm_active_ratio"},
    "rtx3080": {"memory_temp_c", "ecc_corrected", "mig_mode", "remapped_corrected", "nvlink_links", "sm_active_ratio"},
}
PRESENT = {
    "h100": {"temp_margin_c", "sm_active_ratio", "nvlink_crc_errors", "nvlink_tx_bytes", "remapped_corrected"},
    "a100": {"power_mw", "util_ratio", "nvlink_crc_errors", "temp_slowdown_c", "remapped_corrected"},
    "b200": {"nvlink_symbol_errors", "nvlink_tx_bytes", "nvlink_recoveries_failed", "sm_active_ratio"},
    "gb200": {"c2c_replays", "nvlink_symbol_errors"},
    "l40s": {"temp_margin_c", "util_ratio", "power_mw"},
    "t4": {"retired_pages_sbe", "retired_pages_dbe", "power_mw", "temp_slowdown_c"},
    "rtx3080": {"power_mw", "temp_c", "util_ratio", "memory_used_bytes", "sm_clock_mhz"},
}


@pytest.mark.parametrize("model", ABSENT)
def test_what_a_model_lacks_is_missing_and_never_zero(node: GpuNode, model: str) -> None:
    node.nvml.say("driver 580.95.05", f"gpus 1 {model}")
    tick = node.once()
    read = {**tick["gpu_health"][0], **tick["gpu_link_sample"][0], **tick["gpu_sample"][0]}
    assert {name for name in ABSENT[model] if read[name] is not None} == set()
    assert {name for name in PRESENT[model] if read[name] is None} == set()


@pytest.mark.parametrize("driver", ["550.163.01", "570.172.08", "575.51.03", "580.95.05", "595.45.04"])
def test_fields_follow_the_driver(node: GpuNode, driver: str) -> None:
    node.nvml.say(f"driver {driver}", "gpus 1 b200")
    tick = node.once()
    links, health = tick["gpu_link_sample"][0], tick["gpu_health"][0]
    moved = [links["sw_thermal_ns"], links["hw_thermal_ns"], links["hw_power_brake_ns"]]
    assert moved == ([None] * 3 if driver < "575" else [11_000_000_000, 12_000_000_000, 13_000_000_000])
    assert health["power_smoothing_life_ratio"] == (None if driver < "570" else pytest.approx(0.97))
    assert (tick["gpu_sample"][0]["recovery_action"] is None) == (driver < "565")


def test_a_driver_without_the_newer_functions_is_read_as_far_as_it_goes(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, local_env: dict[str, str]
) -> None:
    node = GpuNode(tmp_path, tmp_path_factory.mktemp("unused"), local_env)
    node.nvml = FakeNvml(tmp_path_factory.mktemp("old"), scenario=tmp_path / "scenario", old_driver=True)
    node.env.update(node.nvml.env)
    node.nvml.say("driver 525.147.05", "gpus 2 a100")
    tick = node.once()
    gpu = tick["gpu_sample"][1]
    assert (tick["gpus_seen"], gpu["throttle_mask"], gpu["temp_margin_c"]) == (2, 4, None)
    assert gpu["power_mw"] is not None


def test_a_lost_gpu_does_not_silence_its_neighbours(node: GpuNode) -> None:
    node.nvml.say("gpus 8 h100", "lost 5")
    tick = node.once()
    assert tick["gpus_seen"] == 7
    assert len(tick["gpu_sample"]) == 8, "its row is there, without readings"
    assert tick["gpu_sample"][5]["power_mw"] is None
    assert tick["gpu_sample"][6]["power_mw"] is not None


def test_no_driver_is_said_and_survived(node: GpuNode) -> None:
    node.nvml.say("no_driver")
    tick = node.once()
    assert tick["gpus_seen"] is None
    assert tick["blind"] == ["gpu:no_NVIDIA_driver"]
    assert tick["host_sample"]["memory_total_bytes"] > 0


def test_mig_devices_have_rows_of_their_own(node: GpuNode) -> None:
    node.nvml.say(
        "gpus 1 h100", "mig 0 1 0 3g.40gb 40320", "mig 0 2 0 3g.40gb 40320", f"process 0 {os.getpid()} 1000000 1 0"
    )
    tick = node.once()
    assert [(row["gpu_instance"], row["compute_instance"]) for row in tick["mig_sample"]] == [(1, 0), (2, 0)]
    assert all(row["memory_total_bytes"] > 0 for row in tick["mig_sample"])
    assert (tick["gpu_health"][0]["mig_mode"], tick["gpu_health"][0]["mig_devices"]) == (1, 2)
    assert [row["subject_kind"] for row in tick["inventory"]].count("mig") == 2


def test_one_gpu_that_hangs_for_ever_and_everything_else_keeps_its_cadence(node: GpuNode) -> None:
    with Running(node.env, "up", "--period-s", "0.5") as running:
        assert wait_for(lambda: "8 GPUs seen" in summary(node.env), 60)
        node.nvml.say("driver 580.95.05", "gpus 8 h100", "hang 3 *")
        hung_ms = time.time_ns() // 1_000_000
        time.sleep(8.0)
        node.log(
            "NVRM: Xid (PCI:0000:43:00): 119, pid=7, name=nvidia-smi, Timeout after 6s of waiting for RPC response"
        )
        assert wait_for(lambda: any(i["episodes"] >= 2 for i in cluster(node.env)["incidents"]), 30)
        assert node.status()["gpus"]["hung"] == [GPU3]
        until_ms = time.time_ns() // 1_000_000
        running.stop(60.0)
    with stored(node.env) as store:
        window = f"ts >= toDateTime64({(hung_ms + 1_000) / 1000}, 3) AND ts < toDateTime64({until_ms / 1000}, 3)"
        wanted = (until_ms - hung_ms - 1_000) / 500
        for table, column, subject in (("gpu_sample", "power_mw", "gpu_uuid"), ("nic_sample", "rx_bytes", "port")):
            rows = store.query(
                f"SELECT {subject}, count({column}) FROM {table} FINAL WHERE {window} GROUP BY {subject}"
            ).rows
            counts = dict(rows)
            assert counts.pop(GPU3, 0) == 0, "the one that hangs has no readings"
            assert len(counts) >= 7
            assert min(counts.values()) >= 0.95 * wanted - 1, (table, counts, wanted)
        kinds = {(kind, uuid) for kind, uuid in store.query("SELECT kind, gpu_uuid FROM event FINAL").rows}
        assert {("nvml_hung", GPU3), ("xid", GPU3)} <= kinds
    assert "nvml hung" in summary(node.env)
    assert len(cluster(node.env)["incidents"]) == 1, "the hang and its Xid are one incident"


def test_a_driver_that_hangs_at_start_is_a_finding(node: GpuNode) -> None:
    node.nvml.say("gpus 8 h100", "hang init")
    node.env["CLUSTERCTL_AGENT_NVML_DEADLINE_S"] = "0.5"
    with Running(node.env, "agent", "run") as running:
        assert wait_for(lambda: node.status().get("gpus", {}).get("missing") == "nvml_hung", 60)
        assert node.status()["counters"]["batches"] > 0, "the rest goes on"
        running.stop(30.0)


def test_a_gpu_that_hangs_from_the_start_hides_no_other(node: GpuNode) -> None:
    node.nvml.say("driver 580.95.05", "gpus 8 h100", "hang 3 *")
    with Running(node.env, "agent", "run") as running:
        assert wait_for(lambda: node.status().get("gpus", {}).get("answering") == 7, 30)
        assert wait_for(lambda: node.status()["gpus"]["hung"] != [], 10)
        node.nvml.say("driver 580.95.05", "gpus 8 h100")
        assert wait_for(lambda: node.status()["gpus"]["answering"] == 8, 30)
        assert wait_for(lambda: node.status()["gpus"]["hung"] == [], 10)
        running.stop(30.0)


def test_a_worker_that_is_killed_ends_no_agent(node: GpuNode) -> None:
    with Running(node.env, "agent", "run") as running:
        assert wait_for(lambda: node.status().get("gpus", {}).get("answering") == 8, 60)
        for pid in workers(running.process.pid):
            os.kill(pid, signal.SIGKILL)
        assert wait_for(lambda: node.status()["gpus"]["missing"] == "worker_died", 10)
        before = node.status()["counters"]["batches"]
        assert wait_for(lambda: node.status()["counters"]["batches"] > before + 4, 10), "the rest goes on"
        ok(node.env, "agent", "resume")
        assert wait_for(lambda: node.status()["gpus"]["answering"] == 8, 30)
        running.stop(30.0)


def test_a_module_in_the_folder_that_we_are_started_in_is_not_ours(node: GpuNode, tmp_path: Path) -> None:
    (tmp_path / "pynvml.py").write_text("raise SystemExit('not yours')\n")
    command = [sys.executable, "-m", "clusterctl.cli", "agent", "once", "--format", "json"]
    env = {**os.environ, **node.env, "PYTHONSAFEPATH": "1"}
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout)["gpus_seen"] == 8


def test_numbers_that_no_column_carries_cost_themselves(node: GpuNode) -> None:
    node.nvml.say(
        "gpus 2 h100", "set all frozen 1", f"field 0 138/4294967295 {2**64 - 1}", "field 0 230 4294967295",
        "call 1 nvmlDeviceGetComputeRunningProcesses code 4",
    )  # fmt: skip
    tick = node.once()
    assert tick["gpus_seen"] == 2
    assert tick["gpu_link_sample"][0]["nvlink_tx_bytes"] is None
    assert tick["gpu_link_sample"][0]["nvlink_rx_bytes"] is not None
    assert tick["gpu_sample"][0]["recovery_action"] is None
    assert (tick["gpu_health"][0]["processes"], tick["gpu_health"][1]["processes"]) == (0, None)


def test_what_one_argument_lacks_another_has(node: GpuNode) -> None:
    node.nvml.say("gpus 1 h100", "set 0 memory_clock_mhz none", "set 0 ecc_corrected none")
    gpu = node.once()["gpu_sample"][0]
    assert (gpu["memory_clock_mhz"], gpu["ecc_corrected"]) == (None, None)
    assert (gpu["sm_clock_mhz"], gpu["ecc_uncorrected"]) == (1_980, 0)


def test_gpus_are_released_for_a_reset_and_taken_back(node: GpuNode) -> None:
    with Running(node.env, "agent", "run") as running:
        assert wait_for(lambda: node.status().get("gpus", {}).get("answering") == 8, 60)
        held = workers(running.process.pid)
        assert len(held) == 1
        ok(node.env, "agent", "release", "--for", "1h")
        assert workers(running.process.pid) == [], "nothing of ours holds the driver any more"
        assert wait_for(lambda: node.status()["gpus"]["missing"] == "released", 10)
        ok(node.env, "agent", "resume")
        assert wait_for(lambda: node.status()["gpus"]["answering"] == 8, 30)
        running.stop(30.0)


def test_a_gpu_that_comes_to_the_bus_is_found_there(node: GpuNode) -> None:
    node.nvml.say("driver 580.95.05", "gpus 8 h100", "gone 7")
    node.unplug(7)
    with Running(node.env, "agent", "run") as running:
        assert wait_for(lambda: node.status().get("gpus", {}).get("answering") == 7, 60)
        node.nvml.say("driver 580.95.05", "gpus 8 h100")
        node.plug(7)
        assert wait_for(lambda: node.status()["gpus"]["answering"] == 8, 60)
        node.nvml.say("driver 580.95.05", "gpus 8 h100", "gone 2")
        node.unplug(2)
        assert wait_for(lambda: node.status()["gpus"]["answering"] == 7, 60)
        assert node.status()["gpus"]["expected"] == 8, "what has fallen off the bus is missing, not gone"
        assert wait_for(lambda: ("gpu_missing", "fail") in states(node), 30)
        running.stop(30.0)


def test_a_driver_that_is_bound_anew_is_asked_anew(node: GpuNode) -> None:
    with Running(node.env, "agent", "run") as running:
        assert wait_for(lambda: node.status().get("gpus", {}).get("answering") == 8, 60)
        before = workers(running.process.pid)
        node.nvml.say("driver 590.48.01", "gpus 8 h100", "system_event bind 00000000:43:00.0")
        assert wait_for(lambda: node.status()["gpus"]["driver_version"] == "590.48.01", 30)
        assert wait_for(lambda: node.status()["gpus"]["answering"] == 8, 30)
        assert workers(running.process.pid) != before
        running.stop(30.0)


def test_slow_fields_and_calls_move_to_a_slower_tier_and_say_so(node: GpuNode) -> None:
    node.nvml.say(
        "driver 580.95.05", "gpus 1 h100", "latency 0 field:82 5000", "latency 0 nvmlDeviceGetTotalEccErrors 8000"
    )
    node.env["CLUSTERCTL_SITE_GPUS_EXPECTED"] = "1"
    with Running(node.env, "up", "--period-s", "0.5") as running:
        assert wait_for(lambda: "1 GPUs seen" in summary(node.env), 60)
        time.sleep(12.0)
        running.stop(60.0)
    with stored(node.env) as store:
        sql = "SELECT count(), count(temp_c), count(memory_temp_c), count(ecc_corrected) FROM gpu_sample FINAL"
        ticks, fast, slow, ecc = store.query(sql).rows[0]
        moved = store.query("SELECT fields FROM event FINAL WHERE code = 'tier_moved'").rows
    assert fast == ticks >= 20
    most = 3 + ticks * 0.5 / 10 + 2
    assert 3 <= slow <= most < ticks / 2, "three rounds of learning, then every ten seconds"
    assert 3 <= ecc <= most
    names = {json.loads(fields)["reading"] for (fields,) in moved}
    assert names == {"memory_temp_c", "ecc_corrected", "ecc_uncorrected"}


def test_an_nvml_event_and_a_kernel_line_are_one_incident_and_exposure_is_counted(node: GpuNode) -> None:
    with Running(node.env, "up", "--period-s", "0.5") as running:
        assert wait_for(lambda: "8 GPUs seen" in summary(node.env), 60)
        node.nvml.say("driver 580.95.05", "gpus 8 h100", "xid 3 48")
        node.log("NVRM: Xid (PCI:0000:43:00): 48, pid=0, An uncorrectable double bit error (DBE) has been detected")
        assert wait_for(lambda: any(i["gpu"].startswith("GPU-") for i in cluster(node.env)["incidents"]), 30)
        running.stop(60.0)
    found = cluster(node.env)
    assert [(i["cause"], i["episodes"], i["signals"]) for i in found["incidents"]] == [("XID 48", 1, 1)]
    assert found["incidents"][0]["gpu"] == GPU3
    faults = found["faults"]
    assert faults["count"] == 1
    minutes = found["coverage"]["node_minutes"]
    exposed = faults["gpu_days"]["in_service"]
    known = round(exposed * 1440 / 8)
    assert exposed == pytest.approx(8 * known / 1440), "whole minutes of all eight"
    assert max(1, minutes - 1) <= known <= minutes, "only the minute before the driver first answered may be unknown"
    assert faults["per_1000_gpu_days"]["value"] == pytest.approx(1000 / exposed)
    assert all(verdict["verdict"].startswith(("not decided", "above")) for verdict in faults["verdicts"])


def test_the_owning_job_of_each_gpu(node: GpuNode) -> None:
    """This very process stands in for a rank: its cgroup and environment are what a tree of /proc says."""
    proc = node.home / "proc"
    for pid, cgroup in ((4_001, "/system.slice/slurmstepd.scope/job_123/step_0/user/task_0"), (4_002, "/user.slice")):
        folder = proc / str(pid)
        folder.mkdir(parents=True)
        (folder / "cgroup").write_text(f"0::{cgroup}\n")
        (folder / "stat").write_text(f"{pid} (python) S 1 1 1 0 -1 4194560 " + "0 " * 13 + "1000 " + "0 " * 30)
        (folder / "status").write_text("Uid:\t1000\t1000\t1000\t1000\n")
    (proc / "stat").write_text("cpu  1 2 3 4 5 6 7 8 0 0\nbtime 1700000000\n")
    node.env["CLUSTERCTL_AGENT_PROCFS_ROOT"] = str(proc)
    node.nvml.say("gpus 8 h100", "process 0 4001 1000000", "process 1 4002 1000000")
    tick = node.once()
    owners = [(gpu["job_id"], gpu["job_scheduler"]) for gpu in tick["gpu_sample"][:3]]
    assert owners[0] == ("123", "slurm")
    assert owners[1][1] == "none"
    assert owners[2] == (None, None)


def test_declared_columns_are_all_read_by_someone(node: GpuNode) -> None:
    """Over all models, every nullable column of the GPU tables has had a reading: no column is declared and forgotten."""
    read: set[tuple[str, str]] = set()
    for model, driver in (("h100", "580.95.05"), ("gb200", "580.95.05"), ("t4", "580.95.05"), ("a100", "575.51.03")):
        node.nvml.say(f"driver {driver}", f"gpus 1 {model}", f"process 0 {os.getpid()} 1000")
        tick = node.once()
        for table in (GPU_SAMPLE, GPU_LINK_SAMPLE, GPU_HEALTH):
            read |= {(table.name, name) for name, value in tick[table.name][0].items() if value is not None}
    declared = {(t.name, f.name) for t in (GPU_SAMPLE, GPU_LINK_SAMPLE, GPU_HEALTH) for f in t.fields}
    old = {(t, c) for t, c in declared if c.split("_")[1:2] in (["l1"], ["l2"], ["register"], ["texture"], ["cbu"])}
    assert declared - read - old <= {("gpu_sample", "job_id")}


def workers(pid: int) -> list[int]:
    """NVML processes of an agent."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return [child for child in found if b"nvml.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]


@contextmanager
def stored(env: Mapping[str, str]) -> Iterator[Store]:
    store = open_store(load(None, env))
    try:
        yield store
    finally:
        store.close()


def states(node: GpuNode) -> set[tuple[str, str]]:
    return {(check["check"], check["state"]) for check in node.status()["checks"]}


def cluster(env: Mapping[str, str]) -> dict[str, Any]:
    found = report(env)["clusters"]
    return dict(found[0]) if found else {"coverage": {"summary": ""}, "incidents": []}


def summary(env: Mapping[str, str]) -> str:
    return str(cluster(env)["coverage"]["summary"])
