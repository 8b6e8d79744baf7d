"""Do faults cluster, how wide is the interval then, and where do they come from?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from clusterctl.analytics.stats import Tally, Units, rate_of, verdict_of
from clusterctl.analytics.stats.concentration import concentration_of
from clusterctl.analytics.stats.dispersion import Dispersion, bins_of, dispersion_of, node_bootstrap, without_thin
from tests.bench.statistics import bursts

X04 = [0, 0, 1, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 1, 0, 0]


def of(counts: list[int], gpu_days: float = 1000.0) -> Dispersion:
    daily = [Tally(count, gpu_days) for count in counts]
    return dispersion_of(daily, Tally(sum(counts), gpu_days * len(counts)), "in_service")


def test_x04() -> None:
    found = of(X04, 4096)
    assert (found.bin_days, found.bins, found.binding) == (1, 30, True)
    assert found.phi == pytest.approx(4.602, abs=1e-3)
    assert found.p_value == pytest.approx(2.4e-15, abs=1e-16)
    assert found.scaled is not None
    assert found.scaled.low == pytest.approx(0.0563, abs=1e-4)
    assert found.scaled.high == pytest.approx(0.4254, abs=1e-4)
    assert found.verdict_phi == found.phi
    plain = rate_of(22, 4096 * 30, "in_service")
    assert (plain.low, plain.high) == (pytest.approx(0.1122, abs=1e-4), pytest.approx(0.2711, abs=1e-4))


@pytest.mark.parametrize(
    ("days", "faults", "bin_days", "bins"), [(30, 15, 1, 30), (30, 14, 2, 15), (90, 20, 7, 13), (90, 6, None, 0)]
)
def test_the_smallest_bins_with_half_a_fault_expected(days: int, faults: int, bin_days: int | None, bins: int) -> None:
    found = of([1] * faults + [0] * (days - faults))
    assert (found.bin_days, found.bins) == (bin_days, bins)


def test_what_cannot_be_estimated_says_so_and_binds_nothing() -> None:
    for counts in ([], [5] * 9, [0] * 60):
        found = of(counts)
        assert found.phi is found.p_value is found.scaled is None
        assert not found.binding
        assert found.verdict_phi == 1.0
        assert found.remark.startswith("not estimable")


def test_days_that_nobody_watched_are_no_quiet_days() -> None:
    """Twice as many days, half of them blind: the same evidence."""
    seen = of([1, 2, 0, 1, 3, 1] * 5)
    blind = [tally for count in [1, 2, 0, 1, 3, 1] * 5 for tally in (Tally(count, 1000.0), Tally(0, 0.0))]
    found = dispersion_of(blind, Tally(40, 30_000.0), "in_service")
    assert (found.phi, found.bins) == (pytest.approx(seen.phi), 30)


def test_one_fault_in_a_short_hour_is_no_cluster() -> None:
    """40 ordinary days and one that was watched for a hundredth: as a bin of its own its fault alone would give phi 3."""
    daily = [Tally(1, 1000.0)] * 40 + [Tally(1, 10.0)]
    found = dispersion_of(daily, Tally(41, 40_010.0), "in_service")
    assert found.bins == 40
    assert not found.binding


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0.0, 100.0)), min_size=1, max_size=60), st.integers(1, 7))
def test_binning_loses_and_invents_nothing(rows: list[tuple[int, float]], days: int) -> None:
    daily = [Tally(count if gpu_days else 0, gpu_days) for count, gpu_days in rows]
    bins = bins_of(daily, days)
    thick = without_thin(bins)
    assert sum(bin.count for bin in thick) == sum(day.count for day in daily)
    assert sum(bin.gpu_days for bin in thick) == pytest.approx(sum(day.gpu_days for day in daily))
    assert len(thick) <= len(bins)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=10, max_size=40).filter(lambda counts: sum(counts) >= len(counts)))
def test_phi_is_pearsons(counts: list[int]) -> None:
    found, mean = of(counts), sum(counts) / len(counts)
    statistic = sum((count - mean) ** 2 / mean for count in counts)
    assert found.phi == pytest.approx(statistic / (len(counts) - 1))
    assert found.p_value == pytest.approx(chi2.sf(statistic, len(counts) - 1), rel=1e-9)
    assert found.binding == (statistic > len(counts) - 1 and chi2.sf(statistic, len(counts) - 1) < 0.01)


def test_independent_faults_are_called_clusters_once_in_a_hundred() -> None:
    generator = np.random.default_rng(1)
    binding = [of(generator.poisson(mean, 30).tolist()).binding for mean in (0.6, 2.0) for _ in range(1_000)]
    assert np.mean(binding) <= 0.018, "the test is at 1 %, by an approximation; 1.1 % were measured"


def test_the_widened_interval_covers_where_the_plain_one_does_not() -> None:
    """Of 95 %, for faults in bursts: 60 days at 1.5 a day."""
    generator = np.random.default_rng(2)
    plain, binding = [], []
    for _ in range(600):
        counts = bursts(generator, 1.5, 60)
        for phi, covers in ((1.0, plain), (of(counts).verdict_phi, binding)):
            rate = rate_of(sum(counts), 60_000.0, "x", phi)
            assert rate.low is not None
            assert rate.high is not None
            covers.append(rate.low <= 1.5 <= rate.high)
    assert np.mean(plain) < 0.70
    assert np.mean(binding) > 0.90


def test_the_bootstrap_of_nodes() -> None:
    """Alike nodes: about Garwood's interval. One node with most faults: far wider. The same input: the same limits."""
    alike = Units([f"n{i}" for i in range(400)], [1] * 40 + [0] * 360, [100.0] * 400)
    found, plain = node_bootstrap(alike), rate_of(40, 40_000.0, "x")
    assert found is not None
    assert plain.low is not None
    assert plain.high is not None
    assert found.low == pytest.approx(plain.low, abs=0.04)
    assert found.high == pytest.approx(plain.high, abs=0.08)
    assert node_bootstrap(alike) == found
    lemon = node_bootstrap(Units(alike.names, [30] + [1] * 10 + [0] * 389, [100.0] * 400))
    assert lemon is not None
    assert lemon.high > 1.5 * found.high


@pytest.mark.parametrize(("nodes", "faults"), [(19, 50), (20, 9)])
def test_too_little_for_a_bootstrap(nodes: int, faults: int) -> None:
    units = Units([f"n{i}" for i in range(nodes)], [faults] + [0] * (nodes - 1), [1.0] * nodes)
    assert node_bootstrap(units) is None


def judge(total: Tally) -> list[str]:
    return [verdict_of(total.count, 0, total.gpu_days, target, covered=True).verdict for target in (0.48, 0.16)]


def test_at19_one_gpu_with_nearly_all() -> None:
    names = [f"g{i:03}" for i in range(448)]
    gpus = Units(names, [38_516] + [1] * 389 + [0] * 58, [895.0] * 448)
    found = concentration_of({"gpu": gpus}, gpus.total(), "capacity", judge)
    assert gpus.total() == Tally(38_905, 400_960.0)
    (worst,) = found.worst
    assert (worst.kind, worst.name, worst.count) == ("gpu", "g000", 38_516)
    assert worst.share == pytest.approx(0.990, abs=1e-3)
    assert worst.rate.value == pytest.approx(0.972, abs=1e-3)
    assert worst.falls_by_factor == pytest.approx(99.8, abs=0.1)
    assert found.single_unit_dominated


def test_leaving_out_the_worst_node_can_change_the_verdict() -> None:
    nodes = Units(["a", "b", "c", "d", "e", "f"], [10, 3, 3, 3, 3, 3], [5_000.0] * 6)
    found = concentration_of({"node": nodes}, nodes.total(), "in_service", judge)
    assert found.worst[0].changes_verdict
    assert found.worst[0].share < 0.5
    assert found.single_unit_dominated
    assert found.distinct_nodes == 6


def test_of_two_as_bad_the_one_with_less_exposure_is_worse() -> None:
    units = Units(["a", "b", "c"], [2, 2, 1], [300.0, 200.0, 500.0])
    (worst,) = concentration_of({"node": units}, units.total(), "in_service", judge).worst
    assert worst.name == "b"


def test_without_a_fault_there_is_no_worst() -> None:
    units = Units(["a", "b"], [0, 0], [1.0, 1.0])
    found = concentration_of({"node": units}, units.total(), "in_service", judge)
    assert (found.worst, found.single_unit_dominated, found.distinct_nodes) == ([], False, 0)


def test_units_join_counts_with_exposures() -> None:
    units = Units.of({"b": 2, "x": 1}, {"a": 5.0, "b": 6.0})
    assert list(zip(units.names, units.counts, units.gpu_days, strict=True)) == [
        ("a", 0, 5.0),
        ("b", 2, 6.0),
        ("x", 1, 0.0),
    ]
    for bad in (([1], [1.0, 2.0]), ([-1, 0], [1.0, 1.0])):
        with pytest.raises(ValueError, match=r"length|negative"):
            Units(["a", "b"], *bad)
