"""`simulate load` into a real broker, collected into a real server: every row that was sent is stored once, every host came
through the partition where its agent would be, and no batch number is missing."""

from __future__ import annotations

import json

import pytest
from kafka.partitioner.default import murmur2

from clusterctl.commands import simulate
from clusterctl.config import load
from clusterctl.store import open_store
from tests.support.cli import Running, clusterctl, ok, wait_for

FLEET = ("--gpus", "800", "--duration-s", "6", "--format", "json")


@pytest.mark.kafka
@pytest.mark.clickhouse
def test_what_two_halves_of_a_fleet_send_is_stored_once(fleet_env: dict[str, str]) -> None:
    ok(fleet_env, "topics", "apply")
    ok(fleet_env, "migrate")
    store = open_store(load(None, fleet_env))
    with Running(fleet_env, "collect") as collector, Running(fleet_env, "simulate", "load", *FLEET, "--part", "2/2"):
        done = clusterctl(fleet_env, "simulate", "load", *FLEET, "--part", "1/2")
        assert done.returncode in (0, 1), done.stderr  # a machine that others use may be late
        half = json.loads(done.stdout)
        assert (half["refused"], half["acknowledged"]) == (0, half["batches"])
        sent = half["rows"]
        assert sent["gpu_sample"] == sent["nic_sample"] == 8 * sent["host_sample"]
        for table, rows in sent.items():  # a collector that is stopped leaves what it has not read to the next one
            mine = f"SELECT count() FROM {table} FINAL WHERE toUInt32(substring(host, 5)) % 2 = 0"
            assert wait_for(lambda ask=mine, want=rows: store.query(ask).rows[0][0] == want, 60), table
        assert wait_for(lambda: store.query("SELECT uniqExact(host) FROM inventory").rows[0][0] == 100, 60)
        collector.stop()
    for table, rows in sent.items():
        ours = f"SELECT count() FROM {table} FINAL WHERE toUInt32(substring(host, 5)) % 2 = 0"
        assert store.query(ours).rows[0][0] == rows, table
    partitions = dict(store.query("SELECT DISTINCT host, bus_partition FROM gpu_sample").rows)
    samples = load(None, fleet_env).bus.samples_partitions
    assert len(partitions) == 100
    assert all(number == (murmur2(host.encode()) & 0x7FFFFFFF) % samples for host, number in partitions.items())
    store.close()


def test_without_kafka_it_ends_with_2(local_env: dict[str, str]) -> None:
    done = clusterctl(local_env, "simulate", "load", "--gpus", "16")
    assert done.returncode == 2
    assert "bus.kind is local" in done.stderr


def test_without_numpy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from clusterctl.errors import ClusterctlError

    monkeypatch.setattr(simulate, "find_spec", lambda name: None)
    with pytest.raises(ClusterctlError) as caught:
        simulate.load(None, 8)  # type: ignore[arg-type]
    assert "clusterctl[collector]" in caught.value.hint
