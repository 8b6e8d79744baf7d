"""`clusterctl slow` as people meet it."""

from __future__ import annotations

import json
import time

from clusterctl.analytics.migrate import migrate
from clusterctl.config import load
from clusterctl.schema import GPU_SAMPLE, JOB
from clusterctl.store import open_store
from tests.contract.test_slow import HOSTS, MINUTES, job, samples
from tests.support.cli import clusterctl
from tests.support.rolled import MINUTE_MS, insert


def test_a_gpu_that_is_slow_now_is_a_finding(local_env: dict[str, str]) -> None:
    assert clusterctl(local_env, "slow").returncode == 2, "nothing known"
    now_ms = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS
    begin_ms = now_ms - MINUTES * MINUTE_MS
    store = open_store(load(None, local_env))
    migrate(store)
    insert(store, GPU_SAMPLE, samples(begin_ms, MINUTES), stored_ms=now_ms)
    insert(store, JOB, [job(f"n{host}", began=begin_ms) for host in range(HOSTS)], stored_ms=now_ms)
    store.close()
    done = clusterctl(local_env, "slow", "--format", "json")
    assert done.returncode == 1, done.stderr
    (cluster,) = json.loads(done.stdout)["clusters"]
    assert {(one["subject"], one["until"]) for one in cluster["findings"]} == {("n1-g0", None)}
    assert cluster["findings"][0]["evidence"]["held_back"]["hw_thermal"] == 1.0
    shown = clusterctl(local_env, "slow", "--since", "2h", "--job", "7")
    assert shown.returncode == 1
    assert "hw_thermal 100 %" in shown.stdout
    assert clusterctl(local_env, "slow", "--job", "none").returncode == 0
