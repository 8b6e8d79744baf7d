"""The doctor on a real broker and a real server, with the causes made: each check finds what is wrong, and nothing else."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Message, Partition, Position, dead_letter_topic, open_bus, topic_of
from clusterctl.clock import SystemClock
from clusterctl.config import Config, load
from clusterctl.doctor.checks import CHECKS
from clusterctl.doctor.finding import Finding
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.run import examine
from clusterctl.errors import BusError
from clusterctl.schema import Lane
from clusterctl.schema.verdict import State
from clusterctl.store import Store, open_store
from clusterctl.store.driver import create_database
from tests.support.cli import Running, clusterctl, wait_for
from tests.support.fetch import Missing
from tests.support.servers import ClickHouseServer, KafkaServer, free_port
from tests.support.wirehelp import host_batch, now_ms

BROKER = ("broker", "topics", "replicas of topics", "collectors", "lag", "promised blocks", "arrival", "dead letters")
STORE = ("store", "rights", "schema", "deduplication", "parts", "background work", "replicas of tables", "retention",
         "disks", "memory", "freshness", "hosts", "batches lost", "clock of the server", "clocks of agents")  # fmt: skip


class Shifted(SystemClock):
    """This machine's clock, wrong by so much; waits are cut short."""

    def __init__(self, shift_s: float = 0.0) -> None:
        self._shift_ms = int(shift_s * 1_000)

    def now_ms(self) -> int:
        return super().now_ms() + self._shift_ms

    def sleep_s(self, seconds: float) -> None:
        super().sleep_s(min(seconds, 0.2))


def examined(config: Config, *names: str, shift_s: float = 0.0) -> dict[str, list[Finding]]:
    """Findings of the named checks, by check."""
    patient = Patient(config, clock=Shifted(shift_s))
    found: dict[str, list[Finding]] = {}
    for finding in examine(patient, [check for check in CHECKS if check.name in names], lambda _t, _d: None).findings:
        found.setdefault(finding.check, []).append(finding)
    patient.close()
    return found


def by_subject(findings: Sequence[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def states(findings: Sequence[Finding]) -> set[State]:
    return {finding.state for finding in findings}


def send(config: Config, *messages: Message) -> None:
    """Deliver messages; all acknowledged when it returns."""
    errors: list[BusError | None] = []
    producer = open_bus(config).producer()
    for message in messages:
        producer.send(message, errors.append)
    producer.close(10.0)
    assert errors == [None] * len(messages)


def batch(config: Config, host: str, seq: int, ts: int | None = None) -> Message:
    value = host_batch(host, seq, now_ms() if ts is None else ts)
    return Message(topic_of(Lane.SAMPLES, config), host.encode(), value)


@pytest.fixture
def kafka_config(kafka_env: dict[str, str]) -> Config:
    return load(None, kafka_env)


@pytest.fixture
def topics(kafka_config: Config) -> Config:
    open_bus(kafka_config).ensure_topics()
    return kafka_config


@pytest.fixture
def admin(kafka_address: str) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=[kafka_address])
    yield client
    client.close()


@pytest.fixture
def server_config(clickhouse_env: dict[str, str], local_env: dict[str, str]) -> Config:
    return load(None, {**local_env, **clickhouse_env})


@pytest.fixture
def tables(server_config: Config) -> Iterator[Store]:
    """A migrated database."""
    create_database(server_config.store)
    store = open_store(server_config)
    migrate(store)
    yield store
    store.execute(f"DROP DATABASE {server_config.store.database}")
    store.close()


# -- the broker --------------------------------------------------------------------------------------------------------


@pytest.mark.kafka
def test_without_topics_each_check_says_so_and_none_says_ok(kafka_config: Config) -> None:
    found = examined(kafka_config, *BROKER)
    assert states(found["broker"]) == {State.OK}
    assert states(found["topics"]) == {State.FAIL}
    assert {finding.do for finding in found["topics"]} == {"run: clusterctl topics apply"}
    for name in ("replicas of topics", "lag", "promised blocks", "arrival"):
        assert states(found[name]) == {State.UNKNOWN}, found[name]
    assert states(found["dead letters"]) == states(found["collectors"]) == {State.FAIL}


@pytest.mark.kafka
def test_topics_that_are_as_they_should_be_and_a_group_that_nobody_joined(topics: Config) -> None:
    found = examined(topics, *BROKER)
    assert states(found["topics"]) == states(found["replicas of topics"]) == {State.OK}
    assert states(found["lag"]) == states(found["dead letters"]) == states(found["promised blocks"]) == {State.OK}
    assert states(found["collectors"]) == {State.FAIL}
    assert all("nothing has ever arrived" in finding.seen for finding in found["arrival"])


@pytest.mark.kafka
def test_topics_made_by_hand_with_other_partitions_and_without_the_brokers_clock(
    kafka_config: Config, admin: KafkaAdminClient
) -> None:
    samples, events = (topic_of(lane, kafka_config) for lane in (Lane.SAMPLES, Lane.EVENTS))
    made = {
        samples: {"num_partitions": 3, "replication_factor": 1, "configs": {"retention.ms": "3600000"}},
        events: {"num_partitions": 2, "replication_factor": 1, "configs": {"message.timestamp.type": "LogAppendTime"}},
        dead_letter_topic(kafka_config): {"num_partitions": 1, "replication_factor": 1,
                                          "configs": {"message.timestamp.type": "LogAppendTime"}},
    }  # fmt: skip
    admin.create_topics(made, wait_for_metadata=True)
    found = examined(kafka_config, "broker", "topics")["topics"]
    assert [(f.subject, f.state) for f in found] == [
        (samples, State.WARN), (samples, State.FAIL), (samples, State.WARN), (events, State.OK),
        (dead_letter_topic(kafka_config), State.OK),
    ]  # fmt: skip
    assert found[0].seen == "3 partitions, 4 are configured"
    assert "message.timestamp.type is CreateTime" in found[1].seen
    assert "keeps records for 60 min, 168 h are configured" in found[2].seen


class Quiet:
    """A listener that takes what comes."""

    def assigned(self, partitions: Sequence[Partition]) -> None:
        return

    revoked = lost = assigned


@pytest.mark.kafka
def test_a_promise_that_nobody_keeps_records_that_are_gone_and_someone_elses_note(
    topics: Config, admin: KafkaAdminClient
) -> None:
    send(topics, *(batch(topics, "h", seq) for seq in range(20)))
    consumer = open_bus(topics).consumer([topic_of(Lane.SAMPLES, topics)], topics.bus.group, Quiet())
    records = []
    assert wait_for(lambda: bool(records.extend(consumer.poll(0.2)) or len(records) == 20), 20, 0.01)
    where = records[0].partition
    consumer.commit(where, Position(5, json.dumps({"end": 15})))
    other = next(Partition(where.topic, number) for number in range(4) if number != where.number)
    consumer.commit(other, Position(0, "somebody else"))
    beyond = next(Partition(where.topic, number) for number in range(4) if number not in (where.number, other.number))
    consumer.commit(beyond, Position(1_000))
    consumer.close()

    early = examined(topics, "broker", "promised blocks")["promised blocks"]
    assert [finding.subject for finding in early] == [f"{other.topic}/{other.number}"], "a promise may be young"
    assert early[0].state is State.FAIL
    late = by_subject(examined(topics, "broker", "promised blocks", shift_s=90)["promised blocks"])
    still = late[f"{where.topic}/{where.number}"]
    assert still.state is State.WARN
    assert "offsets 5 to 15 are promised and not stored" in still.seen

    admin.delete_records({TopicPartition(where.topic, where.number): 8})
    lag = [f for f in examined(topics, "broker", "lag", shift_s=90)["lag"] if f.subject == where.topic]
    assert [finding.state for finding in lag] == [State.FAIL, State.FAIL, State.WARN]
    assert f"beyond the end of {beyond.topic}/{beyond.number}" in lag[1].seen
    assert f"3 records were removed before they were read, on {where.topic}/{where.number}" in lag[0].seen
    assert "12 records are unread, the oldest is 9" in lag[2].seen


@pytest.mark.kafka
def test_dead_letters_are_counted_with_their_reasons(topics: Config) -> None:
    reasons = ["ts is 3 h ahead"] * 3 + ["unknown version 9"]
    name = dead_letter_topic(topics)
    send(topics, *(Message(name, b"h", b"x", (("reason", reason.encode()),)) for reason in reasons))
    found = examined(topics, "broker", "dead letters")["dead letters"][0]
    assert found.state is State.WARN
    assert "4 in the last hour, 4 in a day, 4 kept" in found.seen
    assert "Of the newest 4: 3 x ts is 3 h ahead; 1 x unknown version 9" in found.seen
    assert "clusterctl collect replay-dead" in found.do
    tomorrow = examined(topics, "broker", "dead letters", shift_s=5_400)["dead letters"][0]
    assert tomorrow.state is State.OK
    assert "0 in the last hour, 4 in a day" in tomorrow.seen


@pytest.mark.kafka
def test_the_brokers_clock_is_bounded_by_a_record_that_arrives_meanwhile(topics: Config) -> None:
    sender = threading.Timer(0.8, lambda: send(topics, batch(topics, "h", 1)))
    sender.start()
    right = examined(topics, "broker", "clock of the broker")["clock of the broker"][0]
    sender.join()
    assert right.state is State.OK, right
    sender = threading.Timer(0.8, lambda: send(topics, batch(topics, "h", 2)))
    sender.start()
    wrong = examined(topics, "broker", "clock of the broker", shift_s=-90)["clock of the broker"][0]
    sender.join()
    assert wrong.state is State.FAIL
    assert wrong.seen.startswith(("+90.", "+89."))


@pytest.mark.kafka
def test_a_broker_that_is_down_or_hangs_is_a_finding_in_time(topics: Config, kafka_server: KafkaServer) -> None:
    down = replace(topics, bus=replace(topics.bus, bootstrap_servers=f"127.0.0.1:{free_port()}"))
    quick = replace(topics.doctor, deadline_s=1.5)
    begun_s = time.monotonic()
    found = examined(replace(down, doctor=quick), "broker", "lag", "collectors")
    assert states(found["broker"]) == {State.FAIL}
    assert states(found["lag"]) == states(found["collectors"]) == {State.UNKNOWN}
    kafka_server.hold()
    try:
        hung = examined(replace(topics, doctor=quick), "broker", "lag")
    finally:
        kafka_server.let_go()
    assert states(hung["broker"]) <= {State.FAIL, State.UNKNOWN}
    assert states(hung["lag"]) == {State.UNKNOWN}
    assert time.monotonic() - begun_s < 6


# -- the server --------------------------------------------------------------------------------------------------------


@pytest.mark.clickhouse
def test_a_migrated_server_is_in_order_and_says_what_is_missing_from_it(server_config: Config, tables: Store) -> None:
    found = examined(server_config, *STORE)
    good = {name for name, findings in found.items() if states(findings) == {State.OK}}
    assert good >= set(STORE) - {"freshness", "hosts", "batches lost", "clocks of agents", "disks"}, found
    assert states(found["hosts"]) == {State.FAIL}
    assert states(found["batches lost"]) == states(found["clocks of agents"]) == {State.UNKNOWN}
    assert by_subject(found["freshness"])["host_sample (samples)"].state is State.FAIL


def _drift(store: Store) -> None:
    store.execute("ALTER TABLE event ADD COLUMN odd UInt8")


def _behind(store: Store) -> None:
    store.execute("ALTER TABLE schema_migration DELETE WHERE number = 2 SETTINGS mutations_sync = 1")


def _rewritten(store: Store) -> None:
    store.insert("schema_migration", {"number": [1], "name": ["0001_initial.sql"], "sha256": ["0" * 64]})


@pytest.mark.clickhouse
@pytest.mark.parametrize(
    ("spoil", "words", "do"),
    [
        (_drift, "1 columns differ from the declaration: event.odd: not declared", "ALTER TABLE"),
        (_behind, "lacks 1 migrations: 0002_complete_agent.sql", "run: clusterctl migrate"),
        (_rewritten, "another text of 0001_initial.sql", "frozen"),
    ],
)
def test_a_schema_that_is_not_what_it_should_be(
    server_config: Config, tables: Store, spoil: Callable[[Store], None], words: str, do: str
) -> None:
    spoil(tables)
    finding = examined(server_config, "store", "schema")["schema"][0]
    assert finding.state is State.FAIL
    assert words in finding.seen
    assert do in finding.do


@pytest.mark.clickhouse
def test_a_window_that_was_changed_too_many_parts_a_full_disk_and_a_mutation_that_waits(
    server_config: Config, tables: Store
) -> None:
    tables.execute("ALTER TABLE gpu_sample MODIFY SETTING non_replicated_deduplication_window = 0")
    tables.execute("SYSTEM STOP MERGES host_sample")
    for seq in range(4):
        insert_host(tables, "h", seq)
    tables.execute("ALTER TABLE host_sample UPDATE load_1m = 1 WHERE 1 SETTINGS mutations_sync = 0")
    limits = replace(
        server_config.doctor, parts_warn_count=3, disk_fail_ratio=1.0, disk_warn_ratio=1.0, stuck_warn_s=-1
    )
    found = examined(
        replace(server_config, doctor=limits), "store", "deduplication", "parts", "disks", "background work"
    )
    window = by_subject(found["deduplication"])["gpu_sample"]
    assert (window.state, window.seen) == (State.FAIL, "non_replicated_deduplication_window is 0")
    parts = by_subject(found["parts"])["host_sample"]
    assert parts.state is State.WARN
    assert "has 4 parts; inserts are slowed at 1,000, refused at 3,000" in parts.seen
    assert states(found["disks"]) == {State.FAIL}
    tables.execute("SYSTEM START MERGES host_sample")
    mutation = by_subject(found["background work"])["host_sample"]
    assert mutation.state is State.WARN
    assert "KILL MUTATION" in mutation.do


def insert_host(store: Store, host: str, seq: int, ts: int | None = None, **values: object) -> None:
    """One host_sample row, as the collector would store it."""
    row: Mapping[str, object] = {
        "cluster": "c", "host": host, "boot_id": "b", "seq": seq, "ts": now_ms() if ts is None else ts, "period_ms": 1_000,
        "schema_version": 2, "bus_partition": 0, "bus_offset": seq, **values,
    }  # fmt: skip
    store.insert("host_sample", {name: [value] for name, value in row.items()})


def insert_presence(store: Store, host: str, ts: int) -> None:
    row: Mapping[str, object] = {
        "cluster": "c", "host": host, "boot_id": "b", "seq": 0, "ts": ts, "gpus_expected": 8, "ticks_expected": 60,
        "ticks_done": 60, "log_records_lost": 0, "node_state": "in_service", "blind": "", "schema_version": 2,
        "bus_partition": 0, "bus_offset": 0,
    }  # fmt: skip
    store.insert("presence", {name: [value] for name, value in row.items()})


@pytest.mark.clickhouse
def test_hosts_that_fell_silent_batches_that_never_came_and_clocks_that_are_off(
    server_config: Config, tables: Store
) -> None:
    minute_ms = now_ms() // 60_000 * 60_000
    for back in (0, 3, 4, 6):
        insert_presence(tables, "up", minute_ms - back * 60_000)
    insert_presence(tables, "down", minute_ms - 30 * 60_000)
    tables.insert(
        "host_sample",
        {
            "cluster": ["c"] * 12, "host": ["up"] * 9 + ["ahead", "unsynced", "right"], "boot_id": ["b"] * 12,
            "seq": [1, 2, 3, 4, 6, 7, 8, 9, 10, 1, 1, 1],
            "ts": [minute_ms - 600_000 + 1_000 * n for n in range(9)] + [now_ms() + 90_000, now_ms(), now_ms()],
            "period_ms": [1_000] * 12, "clock_synchronized": [1] * 10 + [0, 1], "schema_version": [2] * 12,
            "bus_partition": [0] * 12, "bus_offset": [0] * 12,
        },
    )  # fmt: skip
    found = examined(
        server_config, "store", "hosts", "batches lost", "clocks of agents", "freshness", "clock of the server"
    )
    hosts = by_subject(found["hosts"])
    assert hosts["hosts"].seen == "1 of 2 hosts have said nothing for 4 min: down"
    # of `up` the window has the minutes -3, -4 and -6 of four, of `down` minute -30 of twenty-eight
    assert hosts["coverage"].seen.startswith("4 of 32 node-minutes")
    lost = found["batches lost"][0]
    assert lost.state is State.FAIL
    assert lost.seen == "1 of 10 never came (10.00%), on 1 hosts, most on up"
    agents = by_subject(found["clocks of agents"])
    assert {host: finding.state for host, finding in agents.items()} == {
        "ahead": State.FAIL, "unsynced": State.WARN, "up": State.WARN,
    }  # fmt: skip
    assert "later than other hosts'" in agents["up"].seen
    fresh = by_subject(found["freshness"])
    assert fresh["host_sample (samples)"].state is State.OK
    assert "ahead" in fresh["host_sample (samples)"].seen
    assert found["clock of the server"][0].state is State.OK
    wrong = examined(server_config, "store", "clock of the server", shift_s=5)["clock of the server"][0]
    assert wrong.state is State.WARN
    assert wrong.seen.startswith(("-5.0", "-4.9"))


@pytest.mark.clickhouse
@pytest.mark.parametrize(
    ("changed", "words", "do"),
    [
        ({"password": "wrong"}, "wrong password", "CLUSTERCTL_STORE_PASSWORD"),
        ({"database": "nowhere"}, "there is no database nowhere", "run: clusterctl migrate"),
    ],
)
def test_a_server_that_refuses_us(
    server_config: Config, tmp_path: Path, changed: dict[str, str], words: str, do: str
) -> None:
    """On a server of its own: this build of the engine aborts after it has refused a connection."""
    try:
        server = ClickHouseServer(tmp_path)
    except Missing as missing:
        pytest.skip(str(missing))
    server.start()
    try:
        store = replace(server_config.store, port=server.port, **changed)  # type: ignore[arg-type]
        refused = examined(replace(server_config, store=store), "store", "parts")
    finally:
        server.stop()
    assert refused["store"][0].state is State.FAIL
    assert words in refused["store"][0].seen
    assert do in refused["store"][0].do
    assert states(refused["parts"]) == {State.UNKNOWN}


def test_a_server_that_is_down(local_env: dict[str, str]) -> None:
    env = {**local_env, "CLUSTERCTL_STORE_KIND": "clickhouse", "CLUSTERCTL_STORE_PORT": str(free_port())}
    down = examined(load(None, env), "store", "parts")
    assert states(down["store"]) == {State.FAIL}
    assert "store.host and store.port" in down["store"][0].do
    assert states(down["parts"]) == {State.UNKNOWN}


@pytest.mark.clickhouse
def test_a_server_that_hangs_costs_a_deadline_and_no_more(
    server_config: Config, tables: Store, clickhouse_server: ClickHouseServer
) -> None:
    quick = replace(server_config, doctor=replace(server_config.doctor, deadline_s=1.5))
    clickhouse_server.hold()
    begun_s = time.monotonic()
    try:
        hung = examined(quick, "store", "parts", "configuration")
    finally:
        clickhouse_server.let_go()
    assert time.monotonic() - begun_s < 4
    assert states(hung["store"]) <= {State.FAIL, State.UNKNOWN}
    assert states(hung["parts"]) == {State.UNKNOWN}
    assert states(hung["configuration"]) == {State.OK}


# -- all of it ---------------------------------------------------------------------------------------------------------


@pytest.mark.kafka
@pytest.mark.clickhouse
def test_a_collector_that_works_and_one_that_was_stopped(fleet_env: dict[str, str], fleet_config: Config) -> None:
    open_bus(fleet_config).ensure_topics()
    create_database(fleet_config.store)
    store = open_store(fleet_config)
    migrate(store)
    store.close()
    # without a name of its own: the broker keeps a named collector's place for bus.session_timeout_s after it has gone
    page = f"127.0.0.1:{free_port()}"
    env = {
        **fleet_env, "CLUSTERCTL_COLLECTOR_SAMPLES_AGE_S": "0.5", "CLUSTERCTL_BUS_INSTANCE_ID": "",
        "CLUSTERCTL_COLLECTOR_METRICS_LISTEN": page,
    }  # fmt: skip
    with Running(env, "collect") as collector:
        send(fleet_config, *(batch(fleet_config, "h", seq) for seq in range(5)))

        def read() -> bool:
            found = examined(fleet_config, "broker", "lag", "store", "freshness")
            samples = by_subject(found["lag"])[topic_of(Lane.SAMPLES, fleet_config)]
            fresh = by_subject(found["freshness"])["host_sample (samples)"].state is State.OK
            return samples.seen == "all of 5 records are read" and fresh

        assert wait_for(read, 30)
        assert states(examined(fleet_config, "broker", "collectors")["collectors"]) == {State.OK}
        with urllib.request.urlopen(f"http://{page}/metrics", timeout=10) as answer:
            assert b"clusterctl_collector_rows_total 5.0" in answer.read()
        collector.stop()
    send(fleet_config, *(batch(fleet_config, "h", seq) for seq in range(5, 8)))
    found = examined(fleet_config, "broker", "lag", "collectors", shift_s=120)
    assert states(found["collectors"]) == {State.FAIL}
    lag = by_subject(found["lag"])[topic_of(Lane.SAMPLES, fleet_config)]
    assert (lag.state, lag.seen[:34]) == (State.WARN, "3 records are unread, the oldest i")
    assert "clusterctl collect" in lag.do
    done = clusterctl(fleet_env, "doctor", "--format", "json", "--deadline-s", "3")
    made = json.loads(done.stdout)
    assert done.returncode == 1
    assert made["state"] == "fail"
    assert {finding["check"] for finding in made["findings"]} | {left["check"] for left in made["left_out"]} == {
        check.name for check in CHECKS
    }
    assert "waiting for" in done.stderr, "it waits for a record to judge the broker's clock, and says so"


def test_on_the_embedded_defaults_what_has_no_subject_is_left_out(local_env: dict[str, str]) -> None:
    config = load(None, {**local_env, "CLUSTERCTL_COLLECTOR_SAMPLES_AGE_S": "0.2"})
    send(config, *(batch(config, "h", seq) for seq in range(3)))
    before = examined(config, "local lag", "spool", "agent here", "store")
    assert before["local lag"][0].seen == "no collector has ever read it"
    assert before["agent here"][0].state is State.FAIL, "its spool is here, and it does not answer"
    assert before["store"][0].do == "run: clusterctl up"
    with Running({**local_env, "CLUSTERCTL_COLLECTOR_SAMPLES_AGE_S": "0.2"}, "collect") as collector:

        def read() -> bool:
            seen = examined(config, "local lag")["local lag"][0]
            return (seen.state, seen.seen) == (State.OK, "all is read")

        assert wait_for(read, 30)
        patient = Patient(config)
        seen = examine(patient, CHECKS, lambda _text, _done: None)
        patient.close()
        collector.stop()
    left = {item.check for item in seen.left_out}
    assert left == {check.name for check in CHECKS if check.needs.value == "the broker"} | {
        "broker", "replicas of tables", "memory", "clock of the server"
    }  # fmt: skip
    found = {finding.check: finding for finding in seen.findings}
    good = (
        "store",
        "rights",
        "schema",
        "deduplication",
        "parts",
        "background work",
        "retention",
        "spool",
        "clocks of agents",
    )
    assert {name: found[name].state for name in good} == dict.fromkeys(good, State.OK)
    assert by_subject(seen.findings)["host_sample (samples)"].state is State.OK
