"""One job's time divided, its repairs in parts, and nodes in and out of service."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.analytics.times.chain import chained
from clusterctl.analytics.times.job import Job, Run
from clusterctl.analytics.times.nodes import NodeTimes, node_times, outages_of
from clusterctl.analytics.times.observed import balance_of, worst_hour
from clusterctl.analytics.times.repair import PARTS, UNDIVIDED, Blow, divided, interruptions_of
from clusterctl.analytics.times.saves import Mark
from clusterctl.analytics.times.spans import common, length_ms, merged
from clusterctl.analytics.times.steps import Piece, stretches_of

MINUTE = 60_000
HOUR = 60 * MINUTE


def steps(first: int, last: int, since_min: float, until_min: float) -> Piece:
    return Piece(round(since_min * MINUTE), round(until_min * MINUTE), first, last)


def blow(at_min: float, *jobs: str, located_min: float | None = None) -> Blow:
    located = None if located_min is None else round(located_min * MINUTE)
    return Blow(f"i{at_min}", "xid 79", "hardware", round(at_min * MINUTE), located, jobs)


def job(pieces: list[Piece], runs: list[Run], marks: dict[str, list[Mark]] | None = None, name: str = "J") -> Job:
    starts = sorted({run.since_ms for run in runs} | {m.at_ms for m in (marks or {}).get("run_begin", [])})
    return Job(name, "ann", runs, stretches_of(pieces, starts), marks or {})


X08 = (
    [steps(1, 720, 0.0, 120), steps(649, 906, 137 + 10 / 60, 180)],
    [Run(-10 * MINUTE, 124 * MINUTE, 16), Run(132 * MINUTE, 180 * MINUTE, 16, 124 * MINUTE)],
    {"restore_begin": [Mark(133 * MINUTE)], "restore_end": [Mark(137 * MINUTE)]},
)


def test_x08_the_five_parts_of_a_repair() -> None:
    (found,) = interruptions_of(job(*X08), [blow(121, "J", located_min=129)])
    assert {name: time / MINUTE for name, time in found.parts.items()} == pytest.approx(
        {"detect": 1, "locate": 8, "replace": 3, "reload": 5, "recompute": 12}, abs=0.05
    )
    assert sum(found.parts.values()) == found.until_ms - found.since_ms == pytest.approx(29 * MINUTE, abs=3000)
    assert found.gpu_ms == 16 * (found.until_ms - found.since_ms)


def test_a_part_that_nobody_told_is_not_made_up() -> None:
    (found,) = interruptions_of(job(*X08), [blow(121, "J")])
    assert set(found.parts) == {"detect", UNDIVIDED, "reload", "recompute"}
    assert found.parts[UNDIVIDED] == 11 * MINUTE, "locating and replacing together"
    assert interruptions_of(job(*X08), [blow(121, "other")]) == [], "no incident, no repair"
    assert interruptions_of(job(*X08), [blow(100, "J")]) == [], "a signal 20 minutes before it stopped"


@given(
    st.integers(0, 100),
    st.lists(st.one_of(st.none(), st.integers(0, 200)), min_size=4, max_size=4),
    st.integers(100, 200),
)
def test_parts_sum_to_the_total(since: int, between: list[int | None], until: int) -> None:
    parts = divided(since, list(zip(PARTS, [*between, until], strict=True)))
    assert sum(parts.values()) == until - since
    assert all(time >= 0 for time in parts.values())
    assert (UNDIVIDED in parts) == (None in between)


def test_a_second_blow_before_catching_up_ends_the_first_and_no_time_counts_twice() -> None:
    pieces = [steps(1, 100, 0, 100), steps(51, 60, 120, 130), steps(51, 200, 150, 299)]
    runs = [Run(0, 300 * MINUTE, 8)]
    marks = {"run_begin": [Mark(115 * MINUTE), Mark(140 * MINUTE)]}
    first, second = interruptions_of(job(pieces, runs, marks), [blow(101, "J"), blow(131, "J")])
    assert (first.cut, first.since_ms, first.until_ms) == (True, 100 * MINUTE, 130 * MINUTE)
    assert (second.cut, second.since_ms) == (False, 130 * MINUTE)
    assert second.until_ms == pytest.approx((150 + 49) * MINUTE), "back at step 100, not at step 60"


def test_a_job_that_did_not_come_back_has_no_repair_time_yet() -> None:
    pieces = [steps(1, 100, 0, 100), steps(51, 60, 120, 130)]
    marks = {"run_begin": [Mark(115 * MINUTE)]}
    assert interruptions_of(job(pieces, [Run(0, 130 * MINUTE, 8)], marks), [blow(101, "J")]) == []


def test_where_the_time_of_a_job_went() -> None:
    balance = balance_of([job(*X08)])
    minutes = {name: time / 16 / MINUTE for name, time in balance.items.items()}
    assert minutes["queue"] == 8
    assert minutes["init"] == pytest.approx(10 + 5 + 10 / 60)
    assert minutes["lost_progress"] == pytest.approx(12, abs=0.05)
    assert minutes["other"] == 4, "from its last step to the end of the run"
    assert (
        balance.total
        == balance.productive + sum(balance.items.values())
        == 16 * 190 * MINUTE + 16 * 8 * MINUTE - 16 * 8 * MINUTE
    )


@st.composite
def stories(draw: st.DrawFn) -> Job:
    """A job with runs, steps that may go back, saves and waits, at any time."""
    at, reached = 0, 0
    runs, pieces = [], []
    marks: dict[str, list[Mark]] = {}
    for _ in range(draw(st.integers(1, 4))):
        start = at + draw(st.integers(0, 40)) * MINUTE
        eligible = draw(st.sampled_from([None, 0, at, max(at - MINUTE, 0)]))
        now = start + draw(st.integers(0, 10)) * MINUTE
        for _ in range(draw(st.integers(0, 3))):
            first = max(0, reached + 1 - draw(st.integers(0, 5)))
            last = first + draw(st.integers(0, 30))
            took = draw(st.integers(1, 90)) * MINUTE
            pieces.append(Piece(now, now + took * (last > first), first, last))
            for kind in ("checkpoint", "data", "restore"):
                if draw(st.booleans()):
                    begin = now + draw(st.integers(0, 60)) * MINUTE
                    marks.setdefault(f"{kind}_begin", []).append(Mark(begin, first))
                    marks.setdefault(f"{kind}_end", []).append(Mark(begin + draw(st.integers(0, 9)) * MINUTE, first))
            now, reached = now + took + draw(st.integers(0, 15)) * MINUTE, last
        at = max(now, start + 1) + draw(st.integers(0, 20)) * MINUTE
        runs.append(Run(start, at, draw(st.integers(1, 64)), eligible))
    return job(pieces, runs, {kind: sorted(found, key=lambda m: m.at_ms) for kind, found in marks.items()})


@given(stories())
def test_items_sum_to_what_was_not_good(story: Job) -> None:
    balance = balance_of([story, story])
    assert balance.total == 2 * (story.gpu_ms(story.scheduled) + story.queue_gpu_ms), "each moment is in one item"
    assert balance.total == balance.productive + sum(balance.items.values())
    assert min(balance.productive, *balance.items.values()) >= 0
    waits = [span for run in story.runs for span in story.queued(run)]
    assert length_ms(merged(waits)) == length_ms(waits), "no wait is counted for two runs"
    assert common(merged(waits), story.scheduled) == []
    if balance.ratio is not None:
        shares = [time / balance.total for time in balance.items.values()]
        assert sum(shares) == pytest.approx(1 - balance.ratio)


def test_the_worst_hour_slides() -> None:
    pieces = [steps(0, 90, 0, 90), steps(91, 200, 120, 299)]
    runs = [Run(0, 300 * MINUTE, 8)]
    story = job(pieces, runs)
    worst = worst_hour([story], 0, 300 * MINUTE)
    assert worst is not None
    assert worst.since_ms == 60 * MINUTE, "the first hour that holds all of the half hour without a step"
    assert worst.ratio == pytest.approx(0.5)
    assert worst_hour([story], 0, 59 * MINUTE) is None, "no whole hour"
    assert worst_hour([], 0, 5 * HOUR) is None


def test_the_worst_hour_agrees_with_a_count_minute_by_minute() -> None:
    chance = random.Random(7)
    jobs = []
    for name in range(5):
        at, step, pieces = chance.randrange(60), 0, []
        begin = at
        while at < 500:
            took, last = chance.randrange(5, 80), step + chance.randrange(1, 50)
            pieces.append(steps(step, last, at, at + took))
            at, step = at + took + chance.choice([0, 0, 3, 25, 61]), max(0, last + 1 - chance.choice([0, 0, 9]))
        jobs.append(job(pieces, [Run(begin * MINUTE, 600 * MINUTE, chance.choice([8, 64]))], name=str(name)))
    worst = worst_hour(jobs, 0, 600 * MINUTE)
    ratios = []
    for start in range(540):
        good = held = 0
        for story in jobs:
            for minute in range(start, start + 60):
                span = [(minute * MINUTE, (minute + 1) * MINUTE)]
                good += story.gpu_ms(common(story.parts["productive"], span))
                held += story.gpu_ms(common(story.scheduled, span))
        ratios.append(good / held if held else 2.0)
    assert worst is not None
    assert worst.ratio == pytest.approx(min(ratios))
    assert ratios[worst.since_ms // MINUTE] == pytest.approx(min(ratios))


# -- under another id ------------------------------------------------------------------------------------------------


def test_a_training_that_was_submitted_again_is_one_job() -> None:
    before = job([steps(0, 100, 0, 100)], [Run(0, 104 * MINUTE, 64)], name="1")
    after = job([steps(51, 300, 130, 379)], [Run(125 * MINUTE, 400 * MINUTE, 64)], name="2")
    fresh = job([steps(0, 300, 130, 430)], [Run(125 * MINUTE, 500 * MINUTE, 64)], name="3")
    struck = blow(101, "1", located_min=110)
    (both,) = chained([after, before], [struck])
    assert both.ids == ("1", "2")
    (found,) = interruptions_of(both, [struck])
    assert found.until_ms == (130 + 49) * MINUTE
    assert found.parts["replace"] == 15 * MINUTE
    assert len(chained([before, fresh], [struck])) == 2, "from step 0: another training"
    assert len(chained([before, after], [])) == 2, "no incident ended it"
    other = Job("4", "bob", after.runs, after.stretches, {})
    assert len(chained([before, other], [struck])) == 2, "another owner"


# -- nodes -----------------------------------------------------------------------------------------------------------


def test_nodes_out_of_service() -> None:
    day = 24 * HOUR
    states = [(-5 * day, "in_service", "a"), (2 * day, "drained", "a"), (3 * day, "repair", "b"),
              (4 * day, "in_service", "a"), (6 * day, "planned", "a"),
              (6 * day + 12 * HOUR, "in_service", "a"), (9 * day, "unknown", "a")]  # fmt: skip
    times = node_times(states, 0, 10 * day)
    assert times == NodeTimes(round(6.5 * day), 2 * day, 12 * HOUR), "a day of which nobody knew is in none"
    assert outages_of(states, 0) == [(2 * day, 4 * day)]
    assert outages_of(states, 2 * day + 1) == [], "it began before"
    assert outages_of([(0, "drained", "a")], 0) == [], "not over yet"
    assert node_times([], 0, day) == NodeTimes()
