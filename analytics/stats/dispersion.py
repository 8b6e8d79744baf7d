"""Whether faults come in clusters, and how much wider that makes the interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.stats.distributions import chi2_above
from clusterctl.analytics.stats.rates import PER, Interval, Rate, Tally, Units, rate_of

BIN_DAYS = (1, 2, 7)
LEAST_EXPECTED = 0.5
LEAST_BINS = 10
BINDING_P = 0.01
LEAST_NODES, LEAST_FAULTS = 20, 10
DRAWS, SEED = 2_000, 20_240_607
CHUNK_CELLS = 1 << 20
"""The bootstrap draws so many nodes at a time, which bounds its memory."""


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Whether faults come in clusters, docs/kpi.md. `phi` is missing where it cannot be estimated; `remark` says why."""

    bin_days: int | None
    bins: int
    phi: float | None
    p_value: float | None
    binding: bool
    """True where phi widens the interval that the verdict uses."""
    scaled: Rate | None
    bootstrap_low: float | None
    bootstrap_high: float | None
    remark: str

    @property
    def verdict_phi(self) -> float:
        """What the verdict and every interval take as phi: 1 unless it is binding."""
        return self.phi if self.binding and self.phi is not None else 1.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Pearson's dispersion of some bins: chi-squared over its degrees of freedom, and how likely so much is by chance."""

    phi: float
    p_value: float

    @property
    def binding(self) -> bool:
        """Whether it shows more than chance does."""
        return self.phi > 1 and self.p_value < BINDING_P


def dispersion_of(daily: Sequence[Tally], total: Tally, basis: str, nodes: Units | None = None) -> Dispersion:
    """The dispersion of consecutive days; days that nobody watched are there with no exposure. `total` is what the rate
    stands on; with `nodes` its interval is also found by drawing nodes anew."""
    drawn = None if nodes is None else node_bootstrap(nodes)
    low, high = (None, None) if drawn is None else (drawn.low, drawn.high)
    for days in BIN_DAYS:
        bins = bins_of(daily, days)
        if len(bins) >= LEAST_BINS and sum(bin.count for bin in bins) >= LEAST_EXPECTED * len(bins):
            thick = without_thin(bins)
            spread = spread_of([thick])
            if spread is None or len(thick) < LEAST_BINS:
                continue
            wider = rate_of(total.count, total.gpu_days, basis, spread.phi) if spread.binding else None
            return Dispersion(
                days, len(thick), spread.phi, spread.p_value, spread.binding, wider, low, high, _remark(nodes, drawn)
            )
    why = f"not estimable: no bins of 1, 2 or 7 days give {LEAST_BINS} with {LEAST_EXPECTED} faults expected in each"
    return Dispersion(None, 0, None, None, False, None, low, high, why)


def _remark(nodes: Units | None, drawn: Interval | None) -> str:
    if nodes is None or drawn is not None:
        return ""
    return f"no bootstrap: it takes {LEAST_NODES} nodes and {LEAST_FAULTS} faults"


def bins_of(daily: Sequence[Tally], days: int) -> list[Tally]:
    """Consecutive days in bins of so many, without those that have no exposure."""
    chunks = (daily[start : start + days] for start in range(0, len(daily), days))
    bins = [Tally(sum(day.count for day in chunk), sum(day.gpu_days for day in chunk)) for chunk in chunks]
    return [bin for bin in bins if bin.gpu_days > 0]


def without_thin(bins: Sequence[Tally]) -> list[Tally]:
    """Bins in which too few faults are expected joined with the next: one fault on a day that was watched for an hour is no
    sign of clusters, and would look like a great one."""
    exposure = sum(bin.gpu_days for bin in bins)
    least = LEAST_EXPECTED * exposure / max(1, sum(bin.count for bin in bins))
    joined: list[Tally] = []
    for bin in bins:
        if joined and joined[-1].gpu_days < least:
            bin = Tally(bin.count + joined[-1].count, bin.gpu_days + joined.pop().gpu_days)
        joined.append(bin)
    if len(joined) > 1 and joined[-1].gpu_days < least:
        last = joined.pop()
        joined[-1] = Tally(joined[-1].count + last.count, joined[-1].gpu_days + last.gpu_days)
    return joined


def spread_of(groups: Sequence[Sequence[Tally]]) -> Spread | None:
    """How much bins vary about the rate of their own group, pooled over the groups. None without a degree of freedom."""
    chi2, freedom = 0.0, 0
    for bins in groups:
        count, exposure = sum(bin.count for bin in bins), sum(bin.gpu_days for bin in bins)
        if count and len(bins) > 1:
            expected = [count * bin.gpu_days / exposure for bin in bins]
            chi2 += sum((bin.count - mean) ** 2 / mean for bin, mean in zip(bins, expected, strict=True))
            freedom += len(bins) - 1
    return Spread(chi2 / freedom, chi2_above(freedom, chi2)) if freedom else None


def node_bootstrap(nodes: Units) -> Interval | None:
    """2.5 and 97.5 percentiles of the rate per 1000 GPU-days when as many nodes are drawn with replacement, each with its
    faults and exposure. None with too few nodes or faults."""
    exposures = np.asarray(nodes.gpu_days, dtype=np.float64)
    counts = np.asarray(nodes.counts, dtype=np.float64)[exposures > 0]
    exposures = exposures[exposures > 0]
    size = len(counts)
    if size < LEAST_NODES or counts.sum() < LEAST_FAULTS:
        return None
    generator = np.random.default_rng(SEED)
    rates, step = [], max(1, CHUNK_CELLS // size)
    for start in range(0, DRAWS, step):
        drawn = generator.integers(0, size, size=(min(step, DRAWS - start), size), dtype=np.int32)
        rates.append(counts[drawn].sum(axis=1) / exposures[drawn].sum(axis=1))
    low, high = np.percentile(PER * np.concatenate(rates), (2.5, 97.5))
    return Interval(float(low), float(high))
