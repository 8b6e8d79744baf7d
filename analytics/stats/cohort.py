"""Two groups compared by the exact conditional test: driver, firmware, batch, site, before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clusterctl.analytics.stats.distributions import binomial_at_least, binomial_at_most, clopper_pearson
from clusterctl.analytics.stats.multiple import benjamini_hochberg
from clusterctl.analytics.stats.rates import CONFIDENCE, Tally

WORSE, BETTER = "a is worse", "a is better"
SAME, THIN = "no difference shown", "not enough exposure"
TELLING_RATIO = 2.0
"""An interval that reaches beyond this ratio, or its inverse, could hide a doubling: it shows no likeness either."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The rate of a over that of b. `ratio` is missing where b has no fault, and then so is `high`: there is no upper limit.
    All but the verdict are missing where one of them has no exposure."""

    ratio: float | None
    low: float | None
    high: float | None
    p_value: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Two groups of nodes compared by the exact conditional test."""

    dimension: str
    a: str
    b: str
    count_a: int
    gpu_days_a: float
    count_b: int
    gpu_days_b: float
    ratio: float | None
    low: float | None
    high: float | None
    p_value: float | None
    verdict: str
    """a is worse, a is better, no difference shown, or not enough exposure; after Benjamini-Hochberg over the page."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two groups to compare, and what tells them apart."""

    dimension: str
    name_a: str
    a: Tally
    name_b: str
    b: Tally


def compare(a: Tally, b: Tally, phi: float = 1.0) -> Compared:
    """One comparison by itself. `phi` is the pooled dispersion where it is binding: it divides all counts first."""
    return compare_all([(a, b)], phi)[0]


def compare_all(pairs: Sequence[tuple[Tally, Tally]], phi: float = 1.0) -> list[Compared]:
    """All comparisons of a page: a difference is stated if it stands after Benjamini-Hochberg."""
    tested = [_test(a, b, phi) for a, b in pairs]
    stands = benjamini_hochberg([math.nan if found.p_value is None else found.p_value for found in tested])
    return [
        Compared(found.ratio, found.low, found.high, found.p_value, _verdict(found, bool(significant)))
        for found, significant in zip(tested, stands, strict=True)
    ]


def cohorts_of(pairs: Sequence[Pair], phi: float = 1.0) -> list[Cohort]:
    """All cohorts of a page. Both groups must follow the same counting rule and basis, and share no exposure."""
    found = compare_all([(pair.a, pair.b) for pair in pairs], phi)
    return [
        Cohort(
            pair.dimension,
            pair.name_a,
            pair.name_b,
            pair.a.count,
            pair.a.gpu_days,
            pair.b.count,
            pair.b.gpu_days,
            told.ratio,
            told.low,
            told.high,
            told.p_value,
            told.verdict,
        )
        for pair, told in zip(pairs, found, strict=True)
    ]


def _test(a: Tally, b: Tally, phi: float) -> Compared:
    if not (a.gpu_days > 0 and b.gpu_days > 0):
        return Compared(None, None, None, None, THIN)
    first, trials = a.count / phi, (a.count + b.count) / phi
    if not trials:
        return Compared(None, None, None, 1.0, THIN)
    chance, per_exposure = a.gpu_days / (a.gpu_days + b.gpu_days), b.gpu_days / a.gpu_days
    fewer, more = binomial_at_most(first, trials, chance), binomial_at_least(first, trials, chance)
    low, high = clopper_pearson(first, trials, CONFIDENCE)
    return Compared(
        ratio=a.count / b.count * per_exposure if b.count else None,
        low=low / (1 - low) * per_exposure,
        high=high / (1 - high) * per_exposure if b.count else None,
        p_value=min(1.0, 2 * float(min(fewer, more))),
        verdict="",
    )


def _verdict(found: Compared, significant: bool) -> str:
    """Five faults or fewer can never be significant at equal exposure, and their interval is never telling."""
    if significant:
        return WORSE if found.ratio is None or found.ratio > 1 else BETTER
    told = found.low is not None and found.low > 1 / TELLING_RATIO
    told = told and found.high is not None and found.high < TELLING_RATIO
    return SAME if told else THIN
