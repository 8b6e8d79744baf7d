"""`clusterctl comm watch` → agent → spool → collector → `collective`, as processes; and when something is amiss."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from clusterctl.agent.handover import FOLDER, MEMORY
from clusterctl.config import load
from clusterctl.store import open_store
from tests.support.cli import Running, clusterctl, ok, wait_for
from tests.support.traces import GEMM, Work, collective, work, write

STEPS = ((1, 0, 1_000),)
RANKS: Sequence[Sequence[Work]] = (
    [work(GEMM, 0, 400), collective(350, 520, sequence=1), work(GEMM, 700, 860)],
    [work(GEMM, 0, 300), collective(400, 500, sequence=1), work(GEMM, 700, 900)],
)
"""Nanoseconds. Rank 0: compute 400 and 160, communication 170, of it 50 hidden. Rank 1: 500 compute, 100 communication,
nothing hidden. The transfer is the shorter of the two, 100, so that rank 0 waited 70, of it 20 exposed."""


def capture(folder: Path, *, old_s: float = 0.0) -> list[Path]:
    """The traces of two ranks, made `old_s` ago."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = write(folder, RANKS, steps=STEPS)
    base_ns = time.time_ns() - int(old_s * 1e9)
    for path in paths:
        text = path.read_text(encoding="utf-8").replace("1700000000000000000", str(base_ns))
        path.write_text(text, encoding="utf-8")
    return paths


def watch(env: dict[str, str], folder: Path, *more: str, code: int = 0) -> dict[str, object]:
    done = clusterctl(env, "comm", "watch", str(folder), "--once", "--settled-s", "0", "--format", "json", *more)
    assert done.returncode == code, done.stderr
    return dict(json.loads(done.stdout))


def test_traces_of_a_node_become_rows_of_collective(local_env: dict[str, str], tmp_path: Path) -> None:
    capture(tmp_path / "traces" / "job7")
    env = {**local_env, "CLUSTERCTL_AGENT_PERIOD_S": "0.2", "CLUSTERCTL_AGENT_SLOW_PERIOD_S": "1",
           "CLUSTERCTL_AGENT_KMSG_PATH": "", "CLUSTERCTL_AGENT_NVML": "false"}  # fmt: skip
    parcels = Path(local_env["CLUSTERCTL_SITE_DATA_DIR"]) / FOLDER
    with Running(env, "agent", "run") as agent, Running(env, "collect") as collector:
        assert watch(env, tmp_path / "traces", "--layout", "dp2")["rows"] == 3
        assert wait_for(lambda: not list(parcels.glob("*.rows")), 20, 0.1)
        told = json.loads(clusterctl(env, "agent", "status", "--format", "json").stdout)["counters"]
        assert (told["collective_rows"], told["collective_refused"]) == (3, 0)
        agent.stop()
        collector.stop()
    store = open_store(load(None, local_env))
    try:
        rows = store.query(
            "SELECT scope, rank, compute_ns, comm_ns, exposed_ns, overlap_ns, idle_ns, wait_ns, exposed_wait_ns, "
            "window_ns, job_id, host, layout, grade, source, ranks FROM collective ORDER BY scope DESC, rank"
        ).rows
    finally:
        store.close()
    same = ("job7", "node1", "dp2", "exact", "kineto")
    assert [tuple(row) for row in rows] == [
        ("rank", 0, 560, 170, 120, 50, 320, 70, 20, 1_000, *same, 1),
        ("rank", 1, 500, 100, 100, 0, 400, 0, 0, 1_000, *same, 1),
        ("job", 0, 530, 135, 110, 25, 360, 35, 10, 1_000, *same, 2),
    ]


def test_damage_is_said_once_and_costs_nothing_else(local_env: dict[str, str], tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    capture(traces / "job7")
    broken = traces / "job7" / "rank9.pt.trace.json"
    broken.write_bytes((traces / "job7" / "rank0.pt.trace.json").read_bytes()[:700])
    made = watch(local_env, traces, code=1)
    assert (made["rows"], made["read"]) == (3, 2)
    assert made["bad"] == [f"{broken}: byte 700: the file is cut off: it ends within its JSON"]
    assert (watch(local_env, traces)["bad"]) == []


def test_it_watches_until_it_is_stopped(local_env: dict[str, str], tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    command = ("comm", "watch", str(traces), "--every-s", "0.1", "--settled-s", "0.2", "--remove")
    parcels = Path(local_env["CLUSTERCTL_SITE_DATA_DIR"]) / FOLDER
    with Running(local_env, *command) as watching:
        locks = Path(local_env["CLUSTERCTL_SITE_DATA_DIR"]) / MEMORY
        assert wait_for(lambda: bool(list(locks.glob("*.lock"))), 20, 0.05)
        assert clusterctl(local_env, *command, "--once").returncode == 2, "two would read everything twice"
        paths = capture(traces / "job8")
        assert wait_for(lambda: len(list(parcels.glob("*.rows"))) == 1, 20, 0.1)
        assert wait_for(lambda: not any(path.exists() for path in paths), 5, 0.05)
        assert "3 rows handed over" in watching.stop()
    done = clusterctl(local_env, "comm", "watch", str(tmp_path / "nowhere"), "--once")
    assert done.returncode == 2
    assert ok(local_env, "comm", "watch", str(traces), "--once").splitlines()
