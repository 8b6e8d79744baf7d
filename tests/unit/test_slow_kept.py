"""How a finding of slowness lives from pass to pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clusterctl.analytics.slow.detect import Found, Rules, detect
from clusterctl.analytics.slow.jobs import PEERS, Job, looked_at
from clusterctl.analytics.slow.keep import merged
from clusterctl.analytics.slow.loss import with_loss
from clusterctl.analytics.slow.metrics import BUSY, SM_CLOCK
from clusterctl.analytics.slow.nodes import by_node
from clusterctl.analytics.slow.peers import Floats
from clusterctl.analytics.slow.questions import StandingRow
from clusterctl.clock import MS_PER_MINUTE, utc
from tests.support.slowness import LOUD, QUIET, group


def row(onset_min: int, until_min: int | None, **given: Any) -> dict[str, Any]:
    return {
        "cluster": "c",
        "host": "n1",
        "subject_kind": "gpu",
        "subject": "g1",
        "metric": "sm_clock_mhz",
        "onset": onset_min * MS_PER_MINUTE,
        "job_id": "7",
        "slow_ratio": 0.2,
        "confidence_ratio": 0.999,
        "peers": 5,
        "retired": 0,
        "evidence": "{}",
        "until": None if until_min is None else until_min * MS_PER_MINUTE,
        "gpu_hours_lost": None,
        **given,
    }


def stands(given: dict[str, Any]) -> StandingRow:
    kept = {name: value for name, value in given.items() if name not in ("cluster", "retired")}
    until = None if given["until"] is None else utc(given["until"])
    return StandingRow(**{**kept, "onset": utc(given["onset"]), "until": until})


def kept(fresh: list[dict[str, Any]], standing: list[dict[str, Any]], since_min: int) -> list[tuple[int, Any, int]]:
    rows = merged(fresh, [stands(one) for one in standing], "c", since_min * MS_PER_MINUTE)
    minute = MS_PER_MINUTE
    return [(one["onset"] // minute, one["until"] and one["until"] // minute, one["retired"]) for one in rows]


def test_the_same_again_writes_nothing() -> None:
    assert kept([row(100, None)], [row(100, None)], 0) == []


def test_a_finding_keeps_its_first_onset_and_gets_its_end() -> None:
    assert kept([row(103, 160)], [row(100, None)], 0) == [(100, 160, 0)]
    assert kept([row(50, None)], [row(10, None)], 50) == []


def test_what_began_before_the_window_is_not_cut_off_by_it() -> None:
    assert kept([row(200, 230)], [row(10, None)], 200) == [(10, 230, 0)]


def test_what_is_found_no_more_is_taken_back_or_ended() -> None:
    assert kept([], [row(100, 160)], 50) == [(100, 160, 1)]
    assert kept([], [row(10, None)], 50) == [(10, 50, 0)]


def test_another_onset_replaces() -> None:
    assert sorted(kept([row(140, None)], [row(100, None)], 0)) == [(100, None, 1), (140, None, 0)]


def test_a_loss_is_counted_once() -> None:
    job = row(100, 160, subject_kind="job", subject="7", host="", metric="step_time_us", slow_ratio=0.25)
    gpus = [row(100, 160, slow_ratio=0.3), row(104, 160, subject="g2", slow_ratio=0.2)]
    told = with_loss([job, *gpus], {"7": 64}, 0)
    # an hour of 64 GPUs at a quarter more time: a fifth of it is lost
    assert [one["gpu_hours_lost"] for one in told] == [None, pytest.approx(12.8), None]
    alone = with_loss([job, row(30, 160)], {"7": 64}, 0)
    assert [one["gpu_hours_lost"] for one in alone] == [pytest.approx(12.8), None]
    assert with_loss(gpus, {"7": 64}, 0)[0]["gpu_hours_lost"] is None, "without steps nobody knows"


def test_of_a_large_job_suspects_are_looked_at_with_some_others() -> None:
    job = Job("7", {f"n{index}": (0, 10) for index in range(50)}, 400)
    hosts = looked_at(job, ["n3", "n4"])
    assert {"n3", "n4"} < set(hosts)
    assert len(hosts) == 2 + PEERS
    assert hosts == looked_at(job, ["n3", "n4"]), "by lot, and the same every time"
    assert looked_at(job, []) == []
    assert len(looked_at(job, None)) == 50


def test_nothing_of_a_finding_is_lost_in_its_type() -> None:
    """What `by_node` changes is what belongs to the node; the rest stays that of its strongest device."""
    made = group(SM_CLOCK, 32, QUIET, 1, 720, {index: (200, 260, 0.2) for index in range(8, 16)})
    found: list[Found] = detect(made, Rules())
    (node,) = by_node(found, made.units)
    assert node.ratio == pytest.approx(float(np.median([one.ratio for one in found])))
    assert node.confidence == max(one.confidence for one in found)


def test_values_are_not_changed_by_looking() -> None:
    made = group(BUSY, 16, LOUD, 3, 300)
    before: Floats = made.values.copy()
    detect(made, Rules())
    assert np.array_equal(before, made.values)
