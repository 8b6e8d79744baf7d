"""How often the statistics err, and what they cost: the table of docs/kpi.md, "How often they err".

    python -m tests.bench statistics            about a minute
    python -m tests.bench.statistics SERIES     so many series in each line instead of 1,000

Every line draws series with a known truth from a fixed seed. The unit tests hold fewer of them to the same bounds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

from clusterctl.analytics.stats import Tally, Units, rate_of
from clusterctl.analytics.stats.cohort import compare
from clusterctl.analytics.stats.dispersion import dispersion_of, node_bootstrap
from clusterctl.analytics.stats.lemon import judged_units, lemons_of
from clusterctl.analytics.stats.trend import changes_of

SERIES, SEED = 1_000, 1
Generator = np.random.Generator
Draw = Callable[[Generator, float, int], list[int]]


def independent(generator: Generator, mean: float, days: int) -> list[int]:
    return [int(count) for count in generator.poisson(mean, days)]


def bursts(generator: Generator, mean: float, days: int) -> list[int]:
    """Bursts of 3.3 faults on average within a day: phi 5.7."""
    return [int(generator.geometric(0.3, size).sum()) for size in generator.poisson(0.3 * mean, days)]


def tallies(counts: Sequence[int]) -> list[Tally]:
    return [Tally(count, 1_000.0) for count in counts]


def clusters(series: int) -> None:
    for days, mean in ((30, 0.6), (30, 3.0), (60, 1.5), (90, 1.0)):
        generator = np.random.default_rng(SEED)
        called, plain, binding = 0, 0, 0
        for _ in range(series):
            counts = independent(generator, mean, days)
            called += dispersion_of(tallies(counts), Tally(sum(counts), days * 1e3), "x").binding
            counts = bursts(generator, mean, days)
            phi = dispersion_of(tallies(counts), Tally(sum(counts), days * 1e3), "x").verdict_phi
            plain += _covers(counts, mean, 1.0)
            binding += _covers(counts, mean, phi)
        where = f"{days} days, {mean:g} faults a day"
        print(f"dispersion   {where:34} independent faults called clustered {called / series:6.1%}, target  1.0%")
        print(
            f"             {'':34} bursts: plain interval covers {plain / series:6.1%}, widened {binding / series:6.1%}"
        )


def _covers(counts: Sequence[int], mean: float, phi: float) -> bool:
    rate = rate_of(sum(counts), len(counts) * 1_000.0, "x", phi)
    return rate.low is not None and rate.high is not None and rate.low <= mean <= rate.high


def changes(series: int) -> None:
    for days, mean in ((13, 5.0), (30, 1.0), (30, 3.0), (90, 0.5)):
        generator = np.random.default_rng(SEED)
        wrong = [_changed(draw, generator, series, (mean, days)) for draw in (independent, bursts)]
        trebled = _changed(independent, generator, series // 4, (mean, days // 2), (3 * mean, days - days // 2))
        where = f"{days} days, {mean:g} faults a day"
        print(
            f"change       {where:34} wrong: independent {wrong[0]:6.1%}, bursts {wrong[1]:6.1%}, target at most 5.0%"
        )
        print(f"             {'':34} a trebled rate is found {trebled:6.1%}")


def _changed(draw: Draw, generator: Generator, series: int, *parts: tuple[float, int]) -> float:
    drawn = ([count for mean, days in parts for count in draw(generator, mean, days)] for _ in range(series))
    return sum(bool(changes_of(tallies(counts))) for counts in drawn) / series


def lemons(series: int) -> None:
    for nodes, faults in ((10, 10), (100, 60), (500, 60), (500, 200)):
        generator = np.random.default_rng(SEED)
        drawn = generator.multinomial(faults, [1 / nodes] * nodes, size=series)
        shown = sum(judged_units(_units(counts)).significant.any() for counts in drawn) / series
        where = f"{nodes} alike nodes, {faults} faults"
        print(f"lemon        {where:34} fleets that show one {shown:6.1%}, target at most 5.0%")


def cohorts(series: int) -> None:
    for mean_a, mean_b in ((5.0, 5.0), (20.0, 20.0), (3.0, 12.0)):
        generator = np.random.default_rng(SEED)
        drawn = zip(generator.poisson(mean_a, series), generator.poisson(mean_b, series), strict=True)
        found = [compare(Tally(int(a), mean_a), Tally(int(b), mean_b)).p_value for a, b in drawn]
        wrong = sum(p_value is not None and p_value < 0.05 for p_value in found) / series
        where = f"{mean_a:g} and {mean_b:g} faults, alike"
        print(f"cohort       {where:34} pairs with p < 0.05 {wrong:6.1%}, target at most 5.0%")


def _units(counts: Sequence[int]) -> Units:
    listed = [int(count) for count in counts]
    return Units([f"n{i}" for i in range(len(listed))], listed, [224.0] * len(listed))


def speed() -> None:
    generator = np.random.default_rng(SEED)
    for size in (12_500, 100_000):
        units = _units(generator.poisson(0.05, size))
        begin_s = time.perf_counter()
        lemons_of("gpu", units, "in_service", window_days=28)
        print(f"lemon        {size:,} units ranked in {time.perf_counter() - begin_s:.3f} s, budget 0.3 s")
    units = _units(generator.poisson(0.05, 12_500))
    begin_s = time.perf_counter()
    node_bootstrap(units)
    print(f"dispersion   2,000 draws of 12,500 nodes in {time.perf_counter() - begin_s:.3f} s")
    counts = [*independent(generator, 15.0, 180), *independent(generator, 20.0, 180)]
    begin_s = time.perf_counter()
    changes_of(tallies(counts))
    print(f"change       a year of days with {sum(counts):,} faults in {time.perf_counter() - begin_s:.3f} s")


def main(series: int = SERIES) -> None:
    for part in (clusters, changes, lemons, cohorts):
        part(series)
    speed()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SERIES)
