"""Episodes and incidents: the worked examples, and independence of the order of arrival."""

from __future__ import annotations

import random
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clusterctl.analytics.incidents import Closing, Evidence, JobRun, NodeState, Restart, Rules, compute
from clusterctl.analytics.incidents.episodes import Signal, episodes
from clusterctl.analytics.incidents.rows import rows_of
from tests.support.judged import judged

S = 1_000
HOUR = 3_600_000
QUIET = 24 * HOUR


def signal(
    at_ms: int, code: str = "79", *, node: str = "A", device: str = "gpu0", count: int = 1, kind: str = "xid"
) -> Signal:
    return Signal(node, device, kind, code, "fail", at_ms, at_ms, count, f"line {code}")


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
    assert [(i["node"], i["repeat_of"] != "") for i in found] == [("A", False), ("B", False), ("A", True)]
    assert found[0]["closed_at"] == QUIET
    assert judged([signal(0)], as_of_ms=QUIET - 1)[0]["closed_at"] is None


def test_joins_are_by_time_since_the_last_signal_not_since_the_first() -> None:
    assert len(judged([signal(hour * HOUR) for hour in range(0, 100, 20)])) == 1


def test_identity_does_not_depend_on_what_comes_later() -> None:
    one = judged([signal(0)])
    two = judged([signal(0), signal(60 * S, "48")])
    assert one[0]["incident_id"] == two[0]["incident_id"]


def rows(evidence: Evidence, as_of_ms: int = 10**13) -> list[dict[str, Any]]:
    return rows_of("c", compute(evidence, Rules()), Rules(), as_of_ms, {})


def test_a_node_that_came_up_anew_and_stayed_quiet_is_over_its_trouble() -> None:
    found = rows(Evidence("c", (signal(0),), restarts=(Restart("A", HOUR), Restart("B", HOUR // 2))))
    assert [(i["closed_at"], i["closed_by"]) for i in found] == [(2 * HOUR, "reset")]


def test_symptoms_of_two_jobs_at_one_moment_are_two_incidents() -> None:
    timeouts = tuple(signal(0, "", node=node, device="", kind="collective_timeout") for node in "ABCD")
    jobs = tuple(JobRun(name, "u", tuple(name), 16, -HOUR, 30 * S, "FAILED") for name in ("AB", "CD"))
    found = rows(Evidence("c", timeouts, jobs=jobs))
    assert [i["nodes_affected"] for i in found] == [2, 2]
    assert len({i["incident_id"] for i in found}) == 2, "neither takes the other's row"


def test_two_pieces_of_work_announced_for_one_moment_are_two() -> None:
    states = tuple(NodeState(node, 0, "planned", reason="firmware" if node in "AB" else "cables") for node in "ABCD")
    found = rows(Evidence("c", states=states))
    assert len({i["incident_id"] for i in found}) == 2


def test_a_close_said_while_it_went_on_does_not_hide_a_later_one() -> None:
    storm = (Signal("A", "gpu0", "xid", "79", "fail", 0, HOUR, 3_600, "line"),)
    drained = (NodeState("A", 60 * S, "drained"),)
    early, later = Closing("node A", HOUR // 2), Closing("node A", 2 * HOUR)
    assert rows(Evidence("c", storm, drained, closings=(early,)))[0]["closed_by"] == "given_up"
    found = rows(Evidence("c", storm, drained, closings=(early, later)))
    assert [(i["closed_at"], i["closed_by"]) for i in found] == [(2 * HOUR, "operator")]


def test_an_operator_closes_an_incident_of_two_roots_by_one_word() -> None:
    hurt = (signal(0), signal(S, node="B"))
    states = tuple(NodeState(node, 60 * S, "drained") for node in "AB")
    jobs = (JobRun("J", "u", ("A", "B"), 16, -HOUR, 30 * S, "FAILED"),)
    found = rows(Evidence("c", hurt, states, jobs, closings=(Closing("node A", HOUR),)))
    assert [(i["multi_root"], i["closed_at"], i["closed_by"]) for i in found] == [(1, HOUR, "operator")]


def test_a_contained_error_and_a_remap_on_two_nodes_are_not_one_gpu() -> None:
    contained = signal(0, "94", device="0000:4e:00")
    jobs = (JobRun("J", "u", ("A", "B"), 16, -HOUR, 30 * S, "FAILED"),)
    here, there = signal(S, "63", device="0000:4e:00"), signal(S, "63", node="B", device="0000:4e:00")
    blame = signal(S, "119", node="B", device="0000:5d:00")
    assert rows(Evidence("c", (contained, here), jobs=jobs))[0]["cause"] == "XID 94"
    assert rows(Evidence("c", (contained, there, blame), jobs=jobs))[0]["cause"] == "XID 119"


def test_a_line_every_few_seconds_for_days_costs_no_more_than_its_lines() -> None:
    """What grows with the square takes minutes here."""
    lines = [signal(number * 6 * S, "94") for number in range(20_000)]
    polled = [
        Signal("A", "gpu0", "xid", "94", "fail", n * 6 * S, n * 6 * S, 1, "", "nvml") for n in range(0, 20_000, 2)
    ]
    ends = tuple(JobRun(f"j{n}", "u", ("A",), 8, n * 60 * S - 1, n * 60 * S, "FAILED") for n in range(2_000))
    begun = time.monotonic()
    found = rows(Evidence("c", tuple(lines + polled), jobs=ends))
    assert [i["episodes"] for i in found] == [20_000]
    assert time.monotonic() - begun < 10


def test_a_program_that_fails_for_days_is_compared_with_its_neighbours_in_one_go() -> None:
    lines = tuple(signal(number * 60 * S, "31") for number in range(10_000))
    jobs = tuple(
        JobRun(f"j{n}", "ab"[n > 7_500], ("A",), 8, n * 60 * S, n * 60 * S + 50 * S, "COMPLETED") for n in range(10_000)
    )
    begun = time.monotonic()
    found = rows(Evidence("c", lines, jobs=jobs))
    assert [i["class"] for i in found] == ["hardware"]
    assert time.monotonic() - begun < 10
