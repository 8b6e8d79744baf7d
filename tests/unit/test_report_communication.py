"""What a report makes of communication: verdicts, trends that break, hints, and how the fleet is summed. Worked examples."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.analytics.reports.communication import hint
from clusterctl.analytics.reports.communication.fleet import distribution_of, groups_of
from clusterctl.analytics.reports.communication.hint import Ports, hint_of
from clusterctl.analytics.reports.communication.jobs import exposed_of
from clusterctl.analytics.reports.communication.queries import JobsRow, SourceRow, TrendRow
from clusterctl.analytics.reports.communication.trend import segments, stretches
from clusterctl.analytics.reports.communication.verdicts import against, halving
from clusterctl.analytics.reports.model import GpuDays
from clusterctl.analytics.reports.page import CommTrendPlot
from clusterctl.analytics.reports.sheet import show
from clusterctl.analytics.reports.sparks import band_lines
from tests.support.comm_fixture import communication, exposed
from tests.support.report_fixture import bare, report

BEGIN = datetime(2026, 10, 1, tzinfo=timezone.utc)
QUIET = Ports(3, 3, 1000, 1500)


def course(
    *parts: tuple[float | None, float | None], grade: str = "B", low: float = 0.05, **values: Any
) -> list[TrendRow]:
    """Points an hour apart, each with its waiting and its transfer."""
    given: dict[str, Any] = {"source": "telemetry", "layout": "", "ranks_of_job": 64, "windows": 1, "value": 0.08,
                             "high": 0.2, "busbw": None, "late_ranks": ""}  # fmt: skip
    return [
        TrendRow(
            job_id="j",
            held_grade=grade,
            at=BEGIN + timedelta(hours=n),
            low=low,
            wait=wait,
            transfer=transfer,
            **{**given, **values},
        )
        for n, (wait, transfer) in enumerate(parts)
    ]


STEADY, MOVED, WAITED = (
    [(0.02, 0.05)] * 4,
    [(0.02, 0.05)] * 2 + [(0.02, 0.09)] * 2,
    [(0.02, 0.05)] * 2 + [(0.06, 0.05)] * 2,
)


def test_transfer_that_grew_with_errors_or_congestion_is_the_network() -> None:
    assert hint_of(course(*MOVED), Ports(3, 40, 0, 0)).cause == hint.NETWORK
    told = hint_of(course(*MOVED), Ports(3, 40, 1000, 2001))
    assert (
        told.because
        == "transfer grew from 5.0 % to 9.0 % of the step; more errors and congestion on ports of its nodes"
    )
    assert hint_of(course(*MOVED), QUIET).cause == hint.UNKNOWN, "congestion counts from twice the earlier on"
    assert hint_of(course(*MOVED), None, slow_port="mlx5_0").cause == hint.NETWORK
    told = hint_of(course(*MOVED), None)
    assert (told.cause, told.missing) == (hint.UNKNOWN, ["counters of the ports of its nodes"])


def test_waiting_that_grew_for_one_rank_is_a_slow_peer() -> None:
    late = [*course(*WAITED)[:2], *(row for row in course(*WAITED, late_ranks="7,9")[2:])]
    told = hint_of(late, QUIET)
    assert (told.cause, told.because) == (
        hint.SLOW_PEER,
        "waiting grew from 2.0 % to 6.0 % of the step; one rank is late at 2 of 2 later points",
    )
    assert hint_of(course(*WAITED), QUIET, slow_unit="GPU-1").cause == hint.SLOW_PEER
    told = hint_of(course(*WAITED), QUIET)
    assert (told.cause, told.missing) == (hint.UNKNOWN, ["which rank is late: a trace of all ranks"])


def test_a_high_and_steady_share_at_its_old_bandwidth_is_the_configuration() -> None:
    assert hint_of(course(*STEADY, low=0.15, busbw=300.0), None).cause == hint.CONFIGURATION
    assert hint_of(course(*STEADY, low=0.12, busbw=300.0), None).cause == hint.NONE, "not above the line"
    told = hint_of(course(*STEADY, low=0.15), None)
    assert (told.cause, told.missing) == (hint.UNKNOWN, ["bus bandwidth of collectives: a trace of all ranks"])
    slower = [*course(*STEADY, low=0.15, busbw=300.0)[:2], *course(*STEADY, low=0.15, busbw=269.0)[2:]]
    assert hint_of(slower, None).cause == hint.UNKNOWN
    told = hint_of(course(*[(None, None)] * 4, low=0.15), None)
    assert "waiting and transfer" in told.missing[0]


def test_little_that_moves_is_nothing_and_bounds_say_nothing() -> None:
    nearly = [(0.02, 0.05)] * 2 + [(0.02, 0.0699)] * 2
    assert hint_of(course(*nearly), QUIET).cause == hint.NONE, "less than two points"
    share = [(0.02, 0.20)] * 2 + [(0.02, 0.24)] * 2
    assert hint_of(course(*share), QUIET).cause == hint.NONE, "less than a quarter"
    for grade in ("C", "D"):
        told = hint_of(course(*MOVED, grade=grade), Ports(0, 99, 0, 0))
        assert (told.cause, told.because) == (hint.UNKNOWN, "")
    assert hint_of(course(*MOVED[:3]), QUIET).missing == ["a trend of at least 4 points of one grade and configuration"]
    assert hint_of([], None).cause == hint.UNKNOWN


@pytest.mark.parametrize(
    ("value", "low", "high", "grade", "ranks", "want"),
    [
        (0.05, 0.04, 0.06, "B", 512, ("below", "below")),
        (0.05, 0.04, 0.0601, "B", 512, ("not decided", "below")),
        (0.09, 0.0601, 0.12, "A", 512, ("above", "below")),
        (0.13, 0.12, 0.14, "B", 512, ("above", "not decided")),
        (0.13, 0.13, 0.13, "exact", 512, ("above", "above")),
        (None, 0.01, 0.02, "C", 512, ("not decided", "not decided")),
        (None, 0.30, 0.40, "D", 512, ("not decided", "not decided")),
        (0.05, 0.05, 0.05, "exact", 511, ("not decided", "not decided")),
        (0.05, 0.05, 0.05, "exact", None, ("not decided", "not decided")),
        (None, None, None, "none", 0, ("not decided", "not decided")),
    ],
)
def test_a_verdict_needs_the_whole_interval_all_ranks_and_a_grade(
    value: float | None, low: float | None, high: float | None, grade: str, ranks: int | None, want: tuple[str, str]
) -> None:
    told = exposed("telemetry", grade, value, low, high, ranks=ranks, reason="why")
    found = [against(told, line) for line in (0.06, 0.12)]
    assert tuple(one.verdict for one in found) == want
    assert all(one.why for one in found if one.verdict == "not decided")


def test_what_half_would_win_is_told_by_both_ends() -> None:
    """12 % halved: the step is 1 - 0.88/0.94 = 6.38 % shorter, 6.82 % more steps an hour."""
    found = halving(exposed("telemetry", "C", None, 0.0, 0.12), 1000.0)
    assert found is not None
    assert (found.step_shorter_low, found.throughput_gain_low, found.gpu_hours_low) == (0.0, 0.0, 0.0)
    assert found.step_shorter_high == pytest.approx(0.0638, abs=1e-4)
    assert found.throughput_gain_high == pytest.approx(0.0682, abs=1e-4)
    assert found.gpu_hours_high == pytest.approx(63.8, abs=0.05)
    assert halving(exposed("telemetry", "D", None, 0.5, 1.0), 1.0) is None
    assert halving(exposed("telemetry", "none", None, None, None), 1.0) is None


def test_a_trend_breaks_where_points_may_not_be_compared() -> None:
    def at(hour: int, **values: Any) -> TrendRow:
        (row,) = course((0.02, 0.05), **{"grade": "A", **values})
        return TrendRow(
            **{**{name: getattr(row, name) for name in TrendRow.__slots__}, "at": BEGIN + timedelta(hours=hour)}
        )

    rows = [at(1), at(2), at(3), at(4, grade="B"), at(5, grade="B", layout="tp2")]
    rows += [at(6, grade="B", layout="tp2", ranks_of_job=32)]
    rows += [at(2, grade="exact", source="kineto"), at(3, grade="exact", source="nsight")]
    found = segments(stretches(rows, [BEGIN, BEGIN + timedelta(hours=2, minutes=30)]))
    assert [(one.began, one.source, one.grade, len(one.points)) for one in found] == [
        ("start", "telemetry", "A", 2), ("calibration", "telemetry", "A", 1), ("grade", "telemetry", "B", 1),
        ("configuration", "telemetry", "B", 1), ("configuration", "telemetry", "B", 1),
        ("start", "kineto", "exact", 1), ("source", "nsight", "exact", 1),
    ]  # fmt: skip
    assert [one.calibrated_at for one in found[:3]] == ["2026-10-01T00:00:00.000Z", "2026-10-01T02:30:00.000Z", None]
    upper, lower = band_lines(CommTrendPlot(found, [], "", "", []), 80)
    assert upper.count("│") == lower.count("│") == len(found) - 1


@given(
    st.lists(st.tuples(st.floats(0, 0.6), st.floats(0, 0.4), st.floats(0.1, 1e4), st.sampled_from("ABCD")), max_size=12)
)
def test_shares_of_a_group_sum_to_one_and_the_curve_rises(jobs: list[tuple[float, float, float, str]]) -> None:
    rows = [one(low, low + wide, hours, grade) for low, wide, hours, grade in jobs]
    for group in groups_of(rows):
        shares = (
            group.below_share,
            group.between_share,
            group.above_share,
            group.undecided_share,
            group.unavailable_share,
        )
        assert sum(shares) == pytest.approx(1.0)
        assert group.low is not None
        assert group.high is not None
        assert group.low <= group.high + 1e-12
        assert (group.value is not None) == all(
            r.held_grade in "AB" for r in rows if in_group(r, group.dimension, group.name)
        )
    curve, hours = distribution_of(rows)
    assert hours == pytest.approx(sum(r.gpu_hours for r in rows))
    assert all(share.surely <= share.possibly + 1e-9 for share in curve)
    assert [share.surely for share in curve] == sorted(share.surely for share in curve)
    assert not curve or curve[-1].surely == pytest.approx(1.0)


def one(low: float, high: float, hours: float, grade: str) -> JobsRow:
    """A row as the query gives it, of one job."""
    side = [hours * (high <= 0.06), hours * (low > 0.06 and high <= 0.12), hours * (low > 0.12)]
    percents = [min(100, int(-(-100 * end // 1))) for end in (low, high)]
    value = hours * (low + high) / 2 if grade in "AB" else None
    return JobsRow("j", 2, "", grade, 1, 1, 1, hours, 1, 64, value, low * hours, high * hours, side, percents[:1], [hours],
                   percents[1:], [hours])  # fmt: skip


def in_group(row: JobsRow, dimension: str, name: str) -> bool:
    return dimension != "grade" or row.held_grade == name


@pytest.mark.parametrize("width", [80, 140])
def test_a_narrow_page_has_what_halving_wins_who_is_late_and_which_names_are_strange(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show(report(replace(bare("c", GpuDays(None, None, None)), communication=communication())), "en")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    assert "llm-70b-pretrain 5.8 % 6.2 % 358" in text
    assert "1.5 % to 8.1 % 1.6 % to 8.8 % 11.8 to 62.4" in text, "of bounds both ends"
    for said in ("17 (gpu-00017)", "mlx5_4 (gpu-00302)", "fused_thing_0", "rank 17, 62.0 %"):
        assert said in text, said


def test_how_old_a_calibration_is_stands_beside_its_date(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    told = communication()
    jobs = [replace(told.jobs[0], calibration_age_s=43_200.0), *told.jobs[1:]]
    show(report(replace(bare("c", GpuDays(None, None, None)), communication=replace(told, jobs=jobs))), "en")
    said = "llm-70b-pretrain 2026-10-12 00:00, 12 h before the end of its newest window."
    assert f"Calibrated from a trace: {said}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("mark", "total", "low", "shown"),
    [
        ("at least", 0.061, 0.069, 0.069),
        ("at least", 0.11, 0.069, 0.11),
        ("exact", 0.061, 0.069, 0.061),
        ("", None, 0.069, None),
    ],
)
def test_all_communication_is_no_less_than_what_is_exposed(
    mark: str, total: float | None, low: float, shown: float | None
) -> None:
    """The bytes of a job prove a part of its communication: a bound below the exposed share would contradict it."""
    told = {"first_ts": BEGIN, "last_until": BEGIN, "held_grade": "B", "mark": mark, "total": total, "low": low}
    row = SourceRow(**{field.name: told.get(field.name) for field in fields(SourceRow)})
    assert exposed_of(row).total == shown
