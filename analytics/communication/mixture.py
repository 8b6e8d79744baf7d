"""Two phases in one series: compute and communication told apart by SM activity, where a sample is shorter than a phase.

Each sample is compute alone, communication alone, or straddles both; expectation-maximisation finds where the two lie and
how much of each there is. Where phases are shorter than a sample the fit has no meaning, and `resolved` says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ROUNDS = 60
MIN_SAMPLES = 30
BUSY = 0.5
"""Share of time with a kernel resident from which a sample says something of a phase."""
SD_COMPUTE, SD_COMM = (0.006, 0.04), (0.01, 0.06)
TOP_COMM = 0.55
"""Communication on more than half of the SMs is not told from small kernels."""
MIN_RANGE, MIN_COMM_SAMPLES, MIN_COMPUTE_WEIGHT = 0.30, 8.0, 0.15


@dataclass(frozen=True, slots=True)
class Phases:
    """Levels and weights of the two phases in r = SM activity / resident share."""

    compute: float
    comm: float
    sd_compute: float
    sd_comm: float
    weight_compute: float
    weight_comm: float
    weight_straddling: float
    spread: float
    """2 to 98 % range of r."""
    samples: int

    @property
    def resolved(self) -> bool:
        """Whether samples are short enough to show the phases."""
        return (
            self.spread > MIN_RANGE
            and self.weight_comm * self.samples >= MIN_COMM_SAMPLES
            and self.weight_compute > MIN_COMPUTE_WEIGHT
        )


def ratio(graphics: Floats, sm: Floats) -> Floats:
    """SM activity while a kernel is resident; nan where none is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(graphics > 0, sm / graphics, np.nan)


def phases(graphics: Floats, sm: Floats, top_comm: float = TOP_COMM) -> Phases | None:
    """Fit of one GPU's samples, communication no higher than `top_comm`; missing where hardly any has a kernel resident."""
    r = ratio(graphics, sm)
    busy = graphics > BUSY
    kept = (busy if busy.sum() >= MIN_SAMPLES else graphics > 0) & np.isfinite(r)
    if kept.sum() < MIN_SAMPLES:
        return None
    return _fit(r[kept], graphics[kept], top_comm)


def _fit(r: Floats, weights: Floats, top_comm: float) -> Phases:
    weights = weights / weights.sum()
    low, high = (float(np.quantile(r, q)) for q in (0.02, 0.98))
    compute = float(np.median(r[r >= np.quantile(r, 0.6)]))
    comm = float(np.clip(low, 0.0, top_comm))
    sd_compute, sd_comm = SD_COMPUTE[1] / 2, SD_COMM[1] / 2
    shares = np.array([0.6, 0.2, 0.2])
    for _ in range(ROUNDS):
        belongs = _belongs(r, compute, comm, sd_compute, sd_comm, shares) * weights[:, None]
        shares = belongs.sum(axis=0)
        if shares[0] > 0:
            compute = float(belongs[:, 0] @ r / shares[0])
            sd_compute = _held(math.sqrt(float(belongs[:, 0] @ (r - compute) ** 2 / shares[0])), SD_COMPUTE)
        if shares[1] > 0:
            comm = float(np.clip(belongs[:, 1] @ r / shares[1], 0.0, top_comm))
            sd_comm = _held(math.sqrt(float(belongs[:, 1] @ (r - comm) ** 2 / shares[1])), SD_COMM)
    in_compute, in_comm, straddling = (float(share) for share in shares)
    return Phases(compute, comm, sd_compute, sd_comm, in_compute, in_comm, straddling, high - low, len(r))


def _held(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])


def _belongs(r: Floats, compute: float, comm: float, sd_compute: float, sd_comm: float, shares: Floats) -> Floats:
    """Probabilities of compute, communication and straddling, one row a sample."""
    density = np.empty((len(r), 3))
    density[:, 0] = shares[0] * _normal(r, compute, sd_compute)
    density[:, 1] = shares[1] * _normal(r, comm, sd_comm)
    between = (r > comm) & (r < compute)
    density[:, 2] = np.where(between, shares[2] / max(compute - comm, 1e-3), 0.0)
    density += 1e-12
    found: Floats = density / density.sum(axis=1, keepdims=True)
    return found


def _normal(r: Floats, mean: float, sd: float) -> Floats:
    found: Floats = np.exp(-0.5 * ((r - mean) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))
    return found
