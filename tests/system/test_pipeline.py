"""Agent → Kafka → collector → ClickHouse → report, as processes; and the same on the embedded defaults."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from clusterctl.bus import Message, open_bus, topic_of
from clusterctl.clock import MS_PER_DAY
from clusterctl.config import Config, load
from clusterctl.errors import BusError
from clusterctl.schema import TABLES, Lane
from clusterctl.store import Store, open_store
from clusterctl.store.driver import create_database
from tests.support.cli import Running, clusterctl, ok, report, wait_for
from tests.support.servers import KafkaServer
from tests.support.wirehelp import host_batch, now_ms

XID = "3,{seq},{us},-;NVRM: Xid (PCI:0000:4e:00): 79, GPU has fallen off the bus.\n"
BOTH = [pytest.mark.kafka, pytest.mark.clickhouse]


@pytest.fixture
def kmsg(tmp_path: Path) -> Path:
    """A kernel log that the tests write."""
    path = tmp_path / "kmsg"
    path.write_text("6,1,1000000,-;Linux version 6.8.0\n")
    return path


def append_xid(path: Path, seq: int = 2) -> int:
    """A GPU falls off the bus, now; its time in milliseconds."""
    monotonic_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
    with path.open("a") as file:
        file.write(XID.format(seq=seq, us=monotonic_us))
    return now_ms()


@pytest.fixture
def fleet(fleet_env: dict[str, str]) -> dict[str, str]:
    """Topics and tables in place."""
    ok(fleet_env, "topics", "apply")
    ok(fleet_env, "migrate")
    return {**fleet_env, "CLUSTERCTL_AGENT_PERIOD_S": "0.5", "CLUSTERCTL_SITE_CLUSTER": "alpha"}


@pytest.fixture
def store(fleet_env: dict[str, str]) -> Iterator[Store]:
    opened = open_store(load(None, fleet_env))
    yield opened
    opened.close()


@pytest.mark.kafka
@pytest.mark.clickhouse
def test_a_kernel_line_travels_to_the_report(fleet: dict[str, str], kmsg: Path) -> None:
    with Running(fleet, "collect") as collector, Running(fleet, "agent", "run", "--kmsg-path", str(kmsg)) as agent:
        time.sleep(2.0)
        append_xid(kmsg)
        time.sleep(2.0)
        agent.stop()
        assert wait_for(lambda: bool(report(fleet)["by_name"].get("alpha", {}).get("incidents")), 20)
        collector.stop()
    cluster = report(fleet)["by_name"]["alpha"]
    incident = cluster["incidents"][0]
    assert (incident["cause"], incident["class"], incident["node"]) == ("XID 79", "hardware", "node1")
    assert cluster["coverage"]["gpus_seen"] in (0, None)
    assert "0 GPUs seen" in cluster["coverage"]["summary"]
    assert cluster["coverage"]["batches_lost"] == 0
    assert cluster["coverage"]["ticks_done"] >= 5
    assert cluster["faults"]["per_1000_gpu_days"]["value"] is None, "no GPUs, no exposure, no rate"
    assert {port["port"] for port in cluster["ports"]} == physical_ports()
    assert cluster["hosts"][0]["host"] == "node1"


def physical_ports() -> set[str]:
    net = Path("/sys/class/net")
    found = {path.name for path in net.iterdir() if (path / "device").exists()}
    return found or {path.name for path in net.iterdir() if path.name != "lo"}


@pytest.mark.kafka
@pytest.mark.clickhouse
def test_a_collector_without_topics_says_what_to_run(fleet_env: dict[str, str]) -> None:
    create_database(load(None, fleet_env).store)
    ok(fleet_env, "migrate")
    done = clusterctl(fleet_env, "collect")
    assert done.returncode == 2
    assert "clusterctl topics apply" in done.stderr


@pytest.mark.kafka
@pytest.mark.clickhouse
def test_a_kernel_line_is_readable_within_two_seconds(fleet: dict[str, str], kmsg: Path, store: Store) -> None:
    with Running(fleet, "collect"), Running(fleet, "agent", "run", "--kmsg-path", str(kmsg)):
        warm = "SELECT count() FROM event WHERE kind = 'agent' OR kind = 'blind'"
        assert wait_for(lambda: store.query(warm).rows[0][0] > 0, 30)
        delays = []
        for number in range(10):
            process = 100 + number
            with kmsg.open("a") as file:
                us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
                file.write(f"3,{process},{us},-;NVRM: Xid (PCI:0000:4e:00): 31, pid={process}, name=p{process}, x\n")
            written_s = time.monotonic()
            asked = f"SELECT count() FROM event WHERE pid = {process}"
            assert wait_for(lambda asked=asked: store.query(asked).rows[0][0] > 0, 10, 0.02)  # type: ignore[misc]
            delays.append(time.monotonic() - written_s)
    assert max(delays) < 2.0, f"kernel line to readable row: {delays}"


@pytest.mark.kafka
@pytest.mark.clickhouse
@pytest.mark.slow
def test_a_broker_that_holds_its_breath_loses_nothing(
    fleet: dict[str, str], kafka_server: KafkaServer, kmsg: Path, store: Store
) -> None:
    env = {**fleet, "CLUSTERCTL_AGENT_PERIOD_S": "0.1"}
    with Running(env, "collect") as collector, Running(env, "agent", "run", "--kmsg-path", str(kmsg)) as agent:
        assert wait_for(lambda: stored(store) > 20, 30)
        before = resident(agent.process.pid)
        kafka_server.hold()
        try:
            time.sleep(20)
        finally:
            during = resident(agent.process.pid)
            kafka_server.let_go()
        assert wait_for(lambda: stored(store) > 200, 60)
        agent.stop()
        wait_for(lambda: missing(store) == 0, 60)
        time.sleep(1.0)
        collector.stop()
    assert during - before < 16 * 2**20, f"the agent grew from {before} to {during} bytes while the broker was away"
    assert missing(store) == 0
    assert ticks(store) == stored(store), "every tick of the grid is there, once"


def stored(store: Store) -> int:
    """Ticks, each once: what an agent sent again after a late answer lies there twice until it is merged."""
    return int(store.query("SELECT uniqExact(ts) FROM host_sample").rows[0][0])


def ticks(store: Store) -> int:
    """Grid points between the first tick and the last."""
    row = store.query("SELECT toUnixTimestamp64Milli(max(ts)) - toUnixTimestamp64Milli(min(ts)) FROM host_sample").rows
    missed = store.query("SELECT max(ticks_missed) FROM host_sample").rows[0][0]
    return int(row[0][0]) // 100 + 1 - int(missed)


def missing(store: Store) -> int:
    every = " UNION ALL ".join(f"SELECT seq FROM {table.name}" for table in TABLES if table.lane is Lane.SAMPLES)
    rows = store.query(f"SELECT max(seq) - min(seq) + 1 - uniqExact(seq) FROM ({every})").rows
    return int(rows[0][0])


def resident(pid: int) -> int:
    process = psutil.Process(pid)
    return int(sum(p.memory_info().rss for p in (process, *process.children(recursive=True))))


def send_raw(config: Config, values: list[bytes]) -> None:
    producer = open_bus(config).producer()
    verdicts: list[BusError | None] = []
    for value in values:
        producer.send(Message(topic_of(Lane.SAMPLES, config), b"h", value), verdicts.append)
    assert wait_for(lambda: len(verdicts) == len(values), 20, 0.02)
    producer.close(5.0)


class _Anyone:
    def assigned(self, partitions: object) -> None: ...

    def revoked(self, partitions: object) -> None: ...

    def lost(self, partitions: object) -> None: ...


@pytest.mark.kafka
@pytest.mark.clickhouse
def test_what_cannot_become_rows_is_a_dead_letter_with_its_reason(fleet: dict[str, str], store: Store) -> None:
    config = load(None, fleet)
    now = now_ms()
    good = [host_batch("h", number, now - 10_000 + number) for number in range(50)]
    future_schema = b"\x99\x07" + good[0][2:]  # the same envelope, of wire version 7
    ten_years_off = host_batch("h", 99, now + 3_652 * MS_PER_DAY)
    bad = {
        b"\x00not msgpack at all": "not a batch",
        future_schema: "wire version 7",
        ten_years_off: "from the bus's clock",
    }
    send_raw(config, [*good[:25], *bad, *good[25:]])
    with Running(fleet, "collect") as collector:
        assert wait_for(lambda: stored(store) == 50, 30)
        collector.stop()
    assert stored(store) == 50
    reader = open_bus(config).consumer([f"{config.bus.topic_prefix}.deadletter.v1"], "reader", _Anyone())
    letters = []
    deadline = time.monotonic() + 20
    while len(letters) < len(bad) and time.monotonic() < deadline:
        letters += reader.poll(0.5)
    reader.close()
    assert {letter.value for letter in letters} == set(bad), "the original bytes"
    for letter in letters:
        headers = dict(letter.headers)
        assert bad[letter.value] in headers["reason"].decode()
        assert headers["topic"].decode() == topic_of(Lane.SAMPLES, config)
        assert int(headers["offset"]) >= 0


def test_up_watches_this_machine_and_reports_work_beside_it(local_env: dict[str, str], kmsg: Path) -> None:
    env = {**local_env, "CLUSTERCTL_AGENT_KMSG_PATH": str(kmsg), "CLUSTERCTL_SITE_CLUSTER": "home"}
    with Running(env, "up", "--period-s", "0.5") as running:
        assert wait_for(lambda: ticks_reported(env) >= 3, 60)
        append_xid(kmsg)
        assert wait_for(lambda: bool(report(env)["by_name"]["home"]["incidents"]), 30)
        csv = Path(env["CLUSTERCTL_SITE_DATA_DIR"]) / "a.csv"
        csv.write_text("cause,class,count\na,hardware,3\n")
        ok(env, "import", "incidents", str(csv), "--cluster", "other", "--gpus", "10", "--days", "10")
        assert report(env)["by_name"]["other"]["faults"]["count"] == 3
        running.stop(60.0)
    assert not list(Path(env["CLUSTERCTL_SITE_DATA_DIR"]).glob("*.sock"))
    assert report(env)["by_name"]["home"]["incidents"], "and what it saw is there when it has gone"


def ticks_reported(env: Mapping[str, str]) -> int:
    done = clusterctl(env, "report", "--format", "json")
    if not done.stdout.startswith("{"):
        return 0
    clusters = json.loads(done.stdout)["clusters"]
    return int(sum(host["ticks"] for cluster in clusters for host in cluster["hosts"]))


def test_nothing_goes_on_when_up_is_killed(local_env: dict[str, str], kmsg: Path) -> None:
    env = {**local_env, "CLUSTERCTL_AGENT_KMSG_PATH": str(kmsg)}
    with Running(env, "up", "--period-s", "0.5") as running:
        assert wait_for(lambda: ticks_reported(env) >= 2, 60)
        children = psutil.Process(running.process.pid).children(recursive=True)
        running.process.kill()
        assert psutil.wait_procs(children, timeout=30)[1] == []


def test_up_restarts_a_part_that_dies(local_env: dict[str, str], kmsg: Path) -> None:
    env = {**local_env, "CLUSTERCTL_AGENT_KMSG_PATH": str(kmsg)}
    with Running(env, "up", "--period-s", "0.5") as running:
        assert wait_for(lambda: ticks_reported(env) >= 2, 60)
        for child in psutil.Process(running.process.pid).children():
            os.kill(child.pid, signal.SIGKILL)
        before = ticks_reported(env)
        assert wait_for(lambda: ticks_reported(env) >= before + 3, 60)
        running.stop(60.0)
    assert report(env)["clusters"][0]["coverage"]["batches_lost"] == 0
