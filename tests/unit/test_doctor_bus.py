"""What the doctor concludes from facts of the broker: worked examples, no broker needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from clusterctl.bus import Partition
from clusterctl.bus.facts import BrokerFacts, ClusterFacts, GroupFacts, Member, PartitionFacts, Standing, TopicFacts
from clusterctl.config import Config
from clusterctl.doctor import arrival, broker, clocks, configuration, group
from clusterctl.doctor.finding import Finding
from clusterctl.schema.verdict import State

CONFIG = Config()
KAFKA = replace(CONFIG, bus=replace(CONFIG.bus, kind="kafka"))
SETTINGS = {
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": str(168 * 3_600_000),
    "retention.bytes": "-1",
    "min.insync.replicas": "1",
    "cleanup.policy": "delete",
}
NOW = 1_800_000_000_000


def states(findings: Any) -> list[State]:
    return [finding.state for finding in findings]


def only(findings: Any) -> Finding:
    found = list(findings)
    assert len(found) == 1, found
    return found[0]


def topic(name: str = "t", partitions: int = 4, replicas: int = 1, **changed: str) -> TopicFacts:
    nodes = tuple(range(1, replicas + 1))
    return TopicFacts(
        name,
        tuple(PartitionFacts(number, 1, nodes, nodes) for number in range(partitions)),
        {**SETTINGS, **{key.replace("_", "."): value for key, value in changed.items()}},
    )


def judged(found: TopicFacts, wanted: int = 4, brokers: int = 1, config: Config = KAFKA) -> list[Finding]:
    return list(broker.topics(broker.TopicsSeen((found,), (wanted,), brokers), config))


# -- brokers and topics ------------------------------------------------------------------------------------------------


def test_a_broker_that_cannot_be_reached_fails_with_its_address() -> None:
    found = only(broker.broker("KafkaTimeoutError: no bootstrap", KAFKA))
    assert (found.state, found.subject) == (State.FAIL, "127.0.0.1:9092")
    assert "bus.bootstrap_servers" in found.do


def test_each_broker_of_the_metadata_is_told_and_a_missing_controller_fails() -> None:
    brokers = (
        BrokerFacts(1, "a:9092", "4.1"),
        BrokerFacts(2, "b:9092", error="timed out"),
        BrokerFacts(3, "c:9092", "4.1", True),
    )
    found = list(broker.broker(ClusterFacts("c", None, brokers), KAFKA))
    assert states(found) == [State.OK, State.FAIL, State.FAIL, State.FAIL]
    assert "Kafka 4.1" in found[0].seen
    assert "timed out" in found[1].seen
    assert "fenced" in found[2].seen
    assert "no controller" in found[3].seen


@pytest.mark.parametrize(
    ("found", "state", "words", "command"),
    [
        (topic(), State.OK, "4 partitions, 1 replicas, kept 7.0 days", ""),
        (TopicFacts("t"), State.FAIL, "does not exist", "clusterctl topics apply"),
        (topic(partitions=3), State.WARN, "3 partitions, 4 are configured", "--partitions 4"),
        (topic(partitions=5), State.WARN, "5 partitions, 4 are configured", "in the configuration to 5"),
        (topic(message_timestamp_type="CreateTime"), State.FAIL, "CreateTime", "message.timestamp.type=LogAppendTime"),
        (topic(cleanup_policy="compact"), State.FAIL, "compact", "cleanup.policy=delete"),
        (topic(retention_ms=str(3_600_000)), State.WARN, "60 min, 168 h are configured", "retention.ms=604800000"),
        (topic(retention_ms="-1"), State.OK, "4 partitions", ""),
        (topic(retention_bytes="1000"), State.WARN, "retention.bytes is 1,000", "retention.bytes=-1"),
        (replace(topic(), settings={}), State.UNKNOWN, "does not show", "DESCRIBE_CONFIGS"),
    ],
)
def test_a_topic_against_what_delivery_rests_on(found: TopicFacts, state: State, words: str, command: str) -> None:
    finding = only(judged(found))
    assert finding.state is state
    assert words in finding.seen
    assert command in finding.do


def test_replicas_against_the_configuration_and_against_the_cluster() -> None:
    three = replace(KAFKA, bus=replace(KAFKA.bus, replication_factor=3))
    assert states(judged(topic(replicas=3, min_insync_replicas="2"), brokers=3, config=three)) == [State.OK]
    few = judged(topic(replicas=1), brokers=3, config=three)
    assert [finding.seen[:10] for finding in few] == ["1 replicas", "min.insync"]
    assert states(judged(topic(replicas=1), brokers=3)) == [State.WARN], "one replica is enough for one broker only"
    stiff = only(judged(topic(replicas=3, min_insync_replicas="3"), brokers=3, config=three))
    assert "one broker down stops all writing" in stiff.seen
    assert stiff.do.endswith("min.insync.replicas=2")
    two = replace(KAFKA, bus=replace(KAFKA.bus, replication_factor=2))
    both = only(judged(topic(replicas=2, min_insync_replicas="2"), brokers=3, config=two))
    assert "bus.replication_factor = 3" in both.do


def test_partitions_without_a_leader_fail_and_under_replicated_ones_warn() -> None:
    parts = (
        PartitionFacts(0, 1, (1, 2), (1, 2)),
        PartitionFacts(1, None, (1, 2), ()),
        PartitionFacts(2, 2, (1, 2), (2,)),
    )
    found = list(broker.places((TopicFacts("t", parts), topic(), TopicFacts("gone")), KAFKA))
    assert states(found) == [State.FAIL, State.WARN, State.OK, State.UNKNOWN]
    assert "without a leader: 1;" in found[0].seen
    assert found[1].seen == "under-replicated partitions: 1, 2"


# -- the group ---------------------------------------------------------------------------------------------------------

PARTS = (Partition("t", 0), Partition("t", 1))


@pytest.mark.parametrize(
    ("seen", "state", "words"),
    [
        (GroupFacts("g", "Empty"), State.FAIL, "no collector is running (group state Empty)"),
        (GroupFacts("g", "Stable", (Member("c1", "h", PARTS),)), State.OK, "c1 at h: 2"),
        (
            GroupFacts("g", "Stable", (Member("c1", "h", PARTS[:1]),)),
            State.FAIL,
            "1 of 2 partitions have no owner: t/1",
        ),
        (GroupFacts("g", "PreparingRebalance", (Member("c1", "h", ()),)), State.WARN, "sharing out"),
    ],
)
def test_collectors(seen: GroupFacts, state: State, words: str) -> None:
    found = only(group.collectors(group.GroupSeen(seen, PARTS), KAFKA))
    assert found.state is state
    assert words in found.seen


def test_collectors_without_topics_are_unknown() -> None:
    seen = group.GroupSeen(GroupFacts("g", "Stable", (Member("c1", "h", ()),)), ())
    assert only(group.collectors(seen, KAFKA)).state is State.UNKNOWN


def reading(*standings: Standing, oldest_ms: int | None = None, unseen: int = 0) -> group.LagSeen:
    return group.LagSeen((group.Reading("t", standings, oldest_ms, unseen),), NOW)


def test_a_standing_knows_what_is_unread_and_what_is_lost() -> None:
    assert (Standing(PARTS[0], 0, 100, 40).unread, Standing(PARTS[0], 0, 100, 40).lost) == (60, 0)
    assert (Standing(PARTS[0], 10, 100, None).unread, Standing(PARTS[0], 10, 100, None).lost) == (90, 0), "a new group"
    assert (Standing(PARTS[0], 50, 100, 40).unread, Standing(PARTS[0], 50, 100, 40).lost) == (50, 10)
    assert Standing(PARTS[0], 50, 50, 50).unread == 0


@pytest.mark.parametrize(("age_s", "state"), [(60, State.OK), (60.1, State.WARN), (600, State.WARN), (601, State.FAIL)])
def test_lag_is_judged_by_the_age_of_the_oldest_unread_record(age_s: float, state: State) -> None:
    found = only(group.lag(reading(Standing(PARTS[0], 0, 1_000, 0), oldest_ms=NOW - int(age_s * 1_000)), KAFKA))
    assert found.state is state
    assert "1,000 records are unread" in found.seen


def test_lag_that_nobody_could_read_is_unknown_and_none_is_ok() -> None:
    assert only(group.lag(reading(Standing(PARTS[0], 0, 10, 0)), KAFKA)).state is State.UNKNOWN
    assert only(group.lag(reading(Standing(PARTS[0], 0, 10, 10)), KAFKA)).seen == "all of 10 records are read"
    assert only(group.lag(reading(), KAFKA)).state is State.UNKNOWN
    partly = only(group.lag(reading(Standing(PARTS[0], 0, 10, 0), oldest_ms=NOW, unseen=2), KAFKA))
    assert partly.state is State.UNKNOWN, "who could not look at all partitions cannot say that all is well"
    assert "of 2 partitions it could not be read" in partly.seen
    late = only(group.lag(reading(Standing(PARTS[0], 0, 10, 0), oldest_ms=NOW - 700_000, unseen=2), KAFKA))
    assert late.state is State.FAIL


def test_records_removed_before_they_were_read_fail_beside_the_lag() -> None:
    found = list(group.lag(reading(Standing(PARTS[0], 50, 100, 40), oldest_ms=NOW), KAFKA))
    assert states(found) == [State.FAIL, State.OK]
    assert "10 records were removed before they were read, on t/0" in found[0].seen


def test_partitions_without_a_leader_are_not_called_read() -> None:
    found = only(
        group.lag(group.LagSeen((group.Reading("t", (Standing(PARTS[0], 0, 5, 5),), None, 0, 1),), NOW), KAFKA)
    )
    assert found.state is State.UNKNOWN
    assert "1 partitions have no leader" in found.seen


def test_a_position_beyond_the_end_is_no_clean_bill() -> None:
    found = only(group.lag(reading(Standing(PARTS[0], 0, 10, 11), Standing(PARTS[1], 0, 10, 10)), KAFKA))
    assert found.state is State.FAIL
    assert "the group stands beyond the end of t/0: the topic was made anew" in found.seen


def test_a_promise_that_stands_still_warns_one_that_moves_does_not() -> None:
    def promise(**changed: Any) -> group.Promise:
        return replace(group.Promise(PARTS[0], 100, 200, 61.0, 3.0), **changed)

    still = only(group.promised((promise(),), KAFKA))
    assert still.state is State.WARN
    assert "offsets 100 to 200 are promised and not stored; the oldest record is 61 s old" in still.seen
    assert only(group.promised((promise(stood_s=None),), KAFKA)).state is State.OK, (
        "catching up: old records, new notes"
    )
    assert only(group.promised((promise(age_s=59.0),), KAFKA)).state is State.OK
    assert only(group.promised((promise(age_s=None),), KAFKA)).state is State.WARN
    assert only(group.promised((promise(end=None),), KAFKA)).state is State.FAIL, "somebody else's note"
    assert only(group.promised((), KAFKA)).state is State.OK
    assert only(group.promised(None, KAFKA)).state is State.UNKNOWN


# -- what arrives ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("newest_ms", "state"),
    [(NOW - 120_000, State.OK), (NOW - 121_000, State.WARN), (NOW - 901_000, State.FAIL), (None, State.FAIL)],
)
def test_arrival_by_the_age_of_the_newest_record(newest_ms: int | None, state: State) -> None:
    assert only(arrival.arrival(arrival.ArrivalSeen({"t": newest_ms}, NOW), KAFKA)).state is state


@pytest.mark.parametrize(("hour", "state"), [(0, State.OK), (1, State.WARN), (999, State.WARN), (1_000, State.FAIL)])
def test_dead_letters_by_their_number_in_the_last_hour(hour: int, state: State) -> None:
    seen = arrival.DeadSeen(True, 2_000, hour, 1_500, NOW - 5_000, (("bad \x1b[2J ts", 7),), 500, NOW)
    found = only(arrival.dead_letters(seen, KAFKA))
    assert found.state is state
    assert f"{hour:,} in the last hour, 1,500 in a day, 2,000 kept; the newest is 5.0 s old" in found.seen
    assert "7 x bad  [2J ts" in found.seen, "text of messages is hostile"
    assert "\x1b" not in found.seen
    assert state is State.OK or "clusterctl collect replay-dead" in found.do


def test_no_dead_letters_is_ok_and_no_topic_for_them_fails() -> None:
    assert only(arrival.dead_letters(arrival.DeadSeen(True), KAFKA)).state is State.OK
    assert only(arrival.dead_letters(arrival.DeadSeen(False), KAFKA)).state is State.FAIL


# -- the broker's clock ------------------------------------------------------------------------------------------------


def test_a_record_that_appears_while_we_look_bounds_the_brokers_clock_from_both_sides() -> None:
    old, new = {PARTS[0]: NOW - 9_000}, {PARTS[0]: NOW + 5_200}
    apart = clocks.broker_apart(old, new, asked_ms=NOW, seen_ms=NOW + 400)
    assert (apart.least_s, apart.most_s) == (4.8, 5.2)
    found = only(clocks.broker_clock(apart, KAFKA))
    assert found.state is State.WARN
    assert "+5.000 s against this machine, give or take 200 ms" in found.seen


def test_an_old_record_says_only_that_the_brokers_clock_has_passed_it() -> None:
    apart = clocks.broker_apart({PARTS[0]: NOW - 30_000}, {PARTS[0]: NOW - 30_000}, NOW, NOW + 6_000)
    assert apart == clocks.Apart(-36.0, None)
    assert only(clocks.broker_clock(apart, KAFKA)).state is State.UNKNOWN
    future = clocks.broker_apart({PARTS[0]: NOW + 90_000}, {PARTS[0]: NOW + 90_000}, NOW, NOW + 6_000)
    assert only(clocks.broker_clock(future, KAFKA)).state is State.FAIL, "84 s ahead at least, whatever comes"
    assert only(clocks.broker_clock(clocks.broker_apart({}, {}, NOW, NOW), KAFKA)).state is State.UNKNOWN


@pytest.mark.parametrize(
    ("least_s", "most_s", "off_s", "state"),
    [
        (-0.01, 0.02, 0.0, State.OK),
        (-1.0, 1.0, 0.0, State.OK),
        (-6.0, 0.5, 0.0, State.UNKNOWN),
        (1.5, 2.0, 1.5, State.WARN),
        (-3.0, -2.0, 2.0, State.WARN),
        (61.0, 61.1, 61.0, State.FAIL),
        (-70.0, -61.0, 61.0, State.FAIL),
    ],
)
def test_a_clock_is_judged_by_what_is_certain(least_s: float, most_s: float, off_s: float, state: State) -> None:
    apart = clocks.Apart(least_s, most_s)
    assert clocks.difference(apart) == off_s
    assert only(clocks.server_clock(apart, KAFKA)).state is state


# -- the configuration -------------------------------------------------------------------------------------------------

DEFAULTS = configuration.FileSeen("built-in defaults", None)


def changed(section: str, **values: Any) -> Config:
    return replace(KAFKA, **{section: replace(getattr(KAFKA, section), **values)})


def test_the_defaults_are_in_order() -> None:
    assert states(configuration.configuration(DEFAULTS, KAFKA)) == [State.OK]


@pytest.mark.parametrize(
    ("config", "subject", "state"),
    [
        (changed("bus", bootstrap_servers="a:1,b:1"), "bus.replication_factor", State.WARN),
        (changed("bus", retention_h=24.0), "bus.retention_h", State.WARN),
        (changed("store", kind="clickhouse", host="db", password="x"), "store.secure", State.WARN),
        (changed("collector", block_rows=1_048_450), "collector.block_rows", State.FAIL),
        (changed("collector", metrics_listen="127.0.0.1:9477"), "collector.metrics_listen", State.FAIL),
        (
            replace(changed("collector", late_bound_h=721.0), bus=replace(KAFKA.bus, retention_h=721.0)),
            "collector.late_bound_h",
            State.WARN,
        ),
        (changed("collector", ahead_bound_s=30.0), "doctor.clock_fail_s", State.WARN),
        (changed("doctor", lag_warn_s=601.0), "doctor.lag_warn_s", State.WARN),
    ],
)
def test_dangerous_combinations(config: Config, subject: str, state: State) -> None:
    found = only(configuration.configuration(DEFAULTS, config))
    assert (found.subject, found.state) == (subject, state)
    assert found.do


def test_a_password_in_a_file_that_others_can_read_warns() -> None:
    secret = changed("store", password="x")
    assert only(configuration.configuration(configuration.FileSeen("f", True), secret)).state is State.WARN
    assert only(configuration.configuration(configuration.FileSeen("f", False), secret)).state is State.OK
