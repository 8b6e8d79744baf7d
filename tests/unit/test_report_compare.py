"""This window against an earlier one: the worked examples of docs/kpi.md, judged together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.build import Asked
from clusterctl.analytics.reports.compare import compare, earlier, with_comparison
from clusterctl.analytics.stats import Rate, rate_of
from clusterctl.cli import app
from clusterctl.commands.common import write_whole
from clusterctl.errors import InputError
from tests.support.report_fixture import bare, report, rich

DAY_MS = 86_400_000
NOW_MS = int(datetime(2026, 11, 1, tzinfo=timezone.utc).timestamp() * 1000)


def rate(count: int, gpu_days: float) -> Rate:
    return rate_of(count, gpu_days, "in_service")


def change(before: Rate, after: Rate) -> model.Change:
    """How a comparison of two clusters tells of faults with these rates."""
    days = model.GpuDays(1.0, 1.0, 1.0)
    then, now = (
        replace(bare("a", days), faults=replace(bare("a", days).faults, per_1000_gpu_days=r)) for r in (before, after)
    )
    return compare(now, then).changes[0]


def test_driver_a_after_driver_b() -> None:
    """25 in 35,000 after 12 in 40,000: 2.381 (1.153 to 5.201), p 0.0168."""
    made = change(rate(12, 40_000.0), rate(25, 35_000.0))
    assert made.ratio == pytest.approx(2.381, abs=5e-4)
    assert made.ratio_low == pytest.approx(1.153, abs=5e-4)
    assert made.ratio_high == pytest.approx(5.201, abs=5e-4)
    assert made.p_value == pytest.approx(0.0168, abs=5e-5)
    assert made.verdict == "worse"
    assert (made.before_rate, made.after_rate) == (rate(12, 40_000.0), rate(25, 35_000.0))


def test_none_after_five() -> None:
    """0 in 10,000 after 5 in 12,000: 0 (0 to 1.310)."""
    made = change(rate(5, 12_000.0), rate(0, 10_000.0))
    assert (made.ratio, made.ratio_low) == (0.0, 0.0)
    assert made.ratio_high == pytest.approx(1.310, abs=5e-4)
    assert made.verdict == "not enough exposure"


def test_five_faults_with_equal_exposure_can_show_nothing() -> None:
    five = change(rate(5, 1e4), rate(0, 1e4))
    assert five.p_value == pytest.approx(0.0625)
    assert five.verdict == "not enough exposure"
    assert change(rate(0, 1e4), rate(0, 1e4)).p_value is None
    six = change(rate(6, 1e4), rate(0, 1e4))
    assert six.p_value == pytest.approx(0.031, abs=5e-4)
    assert six.verdict == "better"


def test_without_faults_before_the_ratio_is_unbounded() -> None:
    made = change(rate(0, 1e4), rate(9, 1e4))
    assert (made.ratio, made.ratio_high) == (None, None)
    assert (made.ratio_low or 0) > 1
    assert made.verdict == "worse"


def test_rates_of_different_bases_are_not_compared() -> None:
    assert change(rate_of(30, 1e4, "allocated"), rate(3, 1e4)).verdict == "not tested"
    assert change(rate_of(30, None, "in_service"), rate(3, 1e4)).verdict == "not tested"


def test_a_likeness_is_shown_only_by_enough_exposure() -> None:
    assert change(rate(10, 1e4), rate(10, 1e4)).verdict == "not enough exposure"
    assert change(rate(100, 1e5), rate(104, 1e5)).verdict == "no change shown"


def test_faults_that_cluster_count_less() -> None:
    after, before = rich(), rich()
    plain = replace(
        after.faults, per_1000_gpu_days=rate(25, 35_000.0), dispersion=replace(after.faults.dispersion, binding=False)
    )
    clustered = replace(plain, dispersion=replace(plain.dispersion, binding=True, phi=2.0))
    old = replace(before.faults, per_1000_gpu_days=rate(12, 40_000.0), dispersion=replace(plain.dispersion, phi=2.0))

    def p_value(faults: model.Faults) -> float:
        told = compare(replace(after, faults=faults), replace(before, faults=old)).changes[0]
        assert told.p_value is not None
        return told.p_value

    assert p_value(plain) == pytest.approx(0.0168, abs=5e-5)
    assert p_value(clustered) > 0.05


def clusters() -> tuple[model.ClusterReport, model.ClusterReport]:
    days = model.GpuDays(1e5, 1e5, 1e5)
    return bare("alpha", days, faults=60, stops=80), bare("alpha", days, faults=30, stops=78)


def test_verdicts_are_of_all_tests_together() -> None:
    after, before = clusters()
    told = {change.measure: change for change in compare(after, before).changes}
    assert told["faults"].verdict == "worse"
    assert told["faults"].ratio == pytest.approx(2.0)
    assert told["interruptions"].verdict == "no change shown"
    assert told["user"].verdict == "not enough exposure"
    assert told["time to interruption"].verdict == "not tested"
    back = {change.measure: change for change in compare(before, after).changes}
    assert back["faults"].verdict == "better"


def test_one_small_p_among_many_is_not_enough() -> None:
    """p of 0.047 alone would pass; of five tests it does not."""
    days = model.GpuDays(1e5, 1e5, 1e5)
    after, before = bare("a", days, faults=40), bare("a", days, faults=24)
    noise = model.Lines(*(model.Line(20, rate(20, 1e5)) for _ in range(7)))
    told = compare(replace(after, lines=noise), replace(before, lines=noise)).changes[0]
    assert told.p_value is not None
    assert 0.04 < told.p_value < 0.06
    assert told.verdict == "not enough exposure"


def test_causes_that_came_and_went() -> None:
    after, before = clusters()
    came = replace(
        after, interruptions=replace(after.interruptions, by_cause=[model.Cause("b", "network", "", 1, 1.0)])
    )
    went = replace(
        before, interruptions=replace(before.interruptions, by_cause=[model.Cause("a", "network", "", 1, 1.0)])
    )
    made = compare(came, went)
    assert (made.new_causes, made.gone_causes) == (["b"], ["a"])


def test_a_cluster_without_a_past_says_so() -> None:
    made = with_comparison(report(rich(), replace(clusters()[0], name="beta")), report(rich()))
    assert made.clusters[0].comparison is not None
    assert any("no evidence" in text for text in made.clusters[1].warnings)


@pytest.mark.parametrize(
    ("text", "since_d", "until_d"),
    [("previous", 60, 30), ("7d", 37, 30), ("2026-09-01/2026-10-01", 61, 31), ("2026-09-02/2026-10-02", 60, 30)],
)
def test_windows_to_compare_with(text: str, since_d: int, until_d: int) -> None:
    made = earlier(text, Asked(NOW_MS - 30 * DAY_MS, None, "alpha"), NOW_MS)
    assert (NOW_MS - (made.since_ms or 0)) / DAY_MS == since_d
    assert (NOW_MS - (made.until_ms or 0)) / DAY_MS == until_d
    assert made.cluster == "alpha"


@pytest.mark.parametrize(
    "text", ["2026-10-01/2026-10-31", "2026-11-01/2026-10-01", "0d", "2026-10-10/now", "last week", ""]
)
def test_windows_that_are_none_or_overlap(text: str) -> None:
    with pytest.raises(InputError):
        earlier(text, Asked(NOW_MS - 30 * DAY_MS, None), NOW_MS)


def test_a_span_needs_a_window_to_lie_before() -> None:
    with pytest.raises(InputError, match="--since"):
        earlier("previous", Asked(), NOW_MS)


@pytest.mark.parametrize("wrong", [["--out", "page.html"], ["--compare", "30d"], ["--compare", "x/y", "--since", "7d"]])
def test_wrong_questions_are_refused_before_anything_is_read(wrong: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["--data-dir", str(tmp_path / "data"), "report", *wrong])
    assert isinstance(done.exception, InputError)
    assert not (tmp_path / "data").exists()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.html", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    with pytest.raises(InputError, match="cannot write"):
        write_whole(tmp_path / "no" / "where.html", "new")
