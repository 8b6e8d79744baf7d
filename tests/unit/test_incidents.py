"""Episodes and incidents: the worked examples, and independence of the order of arrival."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from clusterctl.analytics.episodes import Signal, episodes
from clusterctl.analytics.incidents import incidents, rows

S = 1_000
HOUR = 3_600_000
QUIET = 24 * HOUR


def signal(
    at_ms: int, code: str = "79", *, node: str = "A", device: str = "gpu0", count: int = 1, kind: str = "xid"
) -> Signal:
    return Signal(node, device, kind, code, "fail", at_ms, at_ms, count, f"line {code}")


def judged(signals: list[Signal], as_of_ms: int = 10**13) -> list[dict[str, object]]:
    return rows("c", incidents(episodes(signals, 5 * S), QUIET), QUIET, as_of_ms)


def test_at18_a_gap_of_five_seconds_joins_and_six_do_not() -> None:
    close = [signal(second * S) for second in range(0, 61, 3)]
    apart = [signal(second * S) for second in range(0, 61, 6)]
    assert [(e.signals, e.first_ms, e.last_ms) for e in episodes(close, 5 * S)] == [(21, 0, 60 * S)]
    assert len(episodes(apart, 5 * S)) == 11
    assert len(episodes([signal(0), signal(5 * S)], 5 * S)) == 1, "equality joins"
    for signals in (close, apart):
        assert len(judged(signals)) == 1


def test_an_episode_is_cut_at_a_day() -> None:
    day = [signal(minute * 5 * S) for minute in range(2 * 86_400 // 5)]
    assert [e.first_ms for e in episodes(day, 5 * S)] == [0, 24 * HOUR]


def test_a_storm_is_one_episode_with_its_count() -> None:
    storm = [Signal("A", "gpu0", "xid", "95", "fail", n * S, n * S + 900, 1_000) for n in range(900)]
    assert [e.signals for e in episodes(storm, 5 * S)] == [900_000]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["79", "45", "13"]), st.sampled_from("AB"))), st.randoms()
)
def test_the_order_of_arrival_and_repeats_do_not_matter(
    drawn: list[tuple[int, str, str]], chance: random.Random
) -> None:
    signals = [signal(at * S, code, node=node) for at, code, node in drawn]
    shuffled = signals + signals[: len(signals) // 2]
    chance.shuffle(shuffled)
    assert judged(shuffled) == judged(signals)


def test_followers_join_and_open_nothing() -> None:
    found = judged([signal(0, "48"), signal(2 * S, "63"), signal(9 * S, "154"), signal(10 * S, "45")])
    assert [(i["cause"], i["class"], i["impact"], i["episodes"]) for i in found] == [("XID 48", "hardware", "fault", 4)]
    assert judged([signal(0, "154")]) == [], "a verdict of the driver alone is no incident yet"


def test_a_users_code_is_a_users_incident() -> None:
    found = judged([signal(0, "31"), signal(1 * S, "31", device="gpu1")])
    assert [(i["cause"], i["class"]) for i in found] == [("XID 31", "user")]


def test_a_conditional_code_blames_nobody_until_a_second_sign() -> None:
    assert [i["class"] for i in judged([signal(0, "119")])] == ["unknown"]
    assert [i["class"] for i in judged([signal(0, "119"), signal(60 * S, "79")])] == ["hardware"]


def test_a_degradation_is_on_its_own_line() -> None:
    assert [i["impact"] for i in judged([signal(0, "63")])] == ["degradation"]


def test_off_the_bus_is_xid_79_with_or_without_its_number() -> None:
    found = judged([signal(0, "79"), signal(1 * S, "79", kind="gpu_off_bus")])
    assert [(i["cause"], i["episodes"], i["signals"]) for i in found] == [("XID 79", 1, 2)]


def test_nodes_are_apart_and_a_day_of_quiet_closes() -> None:
    found = judged([signal(0), signal(1 * S, node="B"), signal(QUIET + 1 * S)])
    assert [(i["node"], i["repeat_of"] != "") for i in found] == [("A", False), ("A", True), ("B", False)]
    assert found[0]["closed_at"] == QUIET
    assert judged([signal(0)], as_of_ms=QUIET - 1)[0]["closed_at"] is None


def test_joins_are_by_time_since_the_last_signal_not_since_the_first() -> None:
    assert len(judged([signal(hour * HOUR) for hour in range(0, 100, 20)])) == 1


def test_identity_does_not_depend_on_what_comes_later() -> None:
    one = judged([signal(0)])
    two = judged([signal(0), signal(60 * S, "48")])
    assert one[0]["incident_id"] == two[0]["incident_id"]
