"""The doctor on a real broker and a real server, with the causes made: each check finds what is wrong, and nothing else."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from kafka import KafkaAdminClient, TopicPartition

from clusterctl.analytics.migrate import migrate
from clusterctl.bus import Message, Partition, Position, dead_letter_topic, open_bus, topic_of
from clusterctl.config import Config, load
from clusterctl.doctor.checks import CHECKS
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.run import examine
from clusterctl.schema import Lane
from clusterctl.schema.verdict import State
from clusterctl.store import Store, open_store
from clusterctl.store.driver import create_database
from tests.support.cli import Running, clusterctl, wait_for
from tests.support.doctoring import BROKER, batch, by_subject, examined, send, states
from tests.support.servers import KafkaServer, free_port


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
