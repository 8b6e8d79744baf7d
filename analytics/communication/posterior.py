"""The share of communication with its uncertainty: S = s_c (g - x) + s_n x solved for x over all that s_c and s_n may be.

g is the share of time with a kernel resident, S the SM activity, s_c and s_n SM activity while computing and while only
communication runs. Averages alone give x only up to s_c, so each grade says where s_c comes from and how sure it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.communication.readings import Floats

Z90 = 1.645
"""Two-sided 90 %."""


@dataclass(frozen=True, slots=True)
class Level:
    """SM activity of one phase, as a normal."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class Share:
    """A share of time: its likeliest value, and the two-sided 90 % interval."""

    middle: float
    low: float
    high: float


USUAL_COMPUTE = Level(0.925, 0.05)
"""Large training jobs; fails on jobs of small kernels."""
USUAL_COMM = Level(0.13, 0.065)
UNUSUAL = 0.004
"""Weight of compute levels that the usual does not know, against its peak."""
COMPUTE_FLOOR, COMPUTE_TOP = 0.70, 0.995
NOISE = 0.004
"""Of the averages themselves, in share of time."""
NOISE_OF_BURSTS = 0.001
"""The same where both levels are measured in the same samples: what is common to them drops out."""
HIDING, HIDING_SD = math.log(3.0), 0.5
"""Exposed time per local traffic between bursts, in shares of line rate: links at 25 to 65 %, some hidden, some waiting."""
NIC_HIDING, NIC_EXPOSED = 3.0, 0.7
"""The same per traffic of the NIC, at the most; and how likely any of that is exposed, beside local traffic."""
PURE, PURE_TOP, PURE_EXPOSED = 0.002, 0.03, 0.2
"""Local traffic that is none; then exposed slices over the NIC are unlikely and small, since rings pass through the node."""
MOST_HIDDEN = 0.6
MIN_APART = 0.2
"""Levels of compute and communication closer than this tell nothing."""


def share_of(g: float, s: float, compute: float, comm: float) -> float:
    """x for known levels, unbounded."""
    return (compute * g - s) / (compute - comm)


def from_levels(g: float, s: float, compute: Level, comm: Level) -> Share:
    """Both levels known, each with its deviation."""
    x = min(max(share_of(g, s, compute.mean, comm.mean), 0.0), 1.0)
    apart = compute.mean - comm.mean
    sd = math.hypot((g - x) / apart * compute.sd, x / apart * comm.sd, NOISE)
    return Share(x, max(0.0, x - Z90 * sd), min(1.0, x + Z90 * sd))


def from_prior(g: float, s: float, seen: float, comm: Level = USUAL_COMM) -> Share:
    """Phases not visible: compute is no lower than `seen`, the usual level of the samples."""
    low = min(max(seen, COMPUTE_FLOOR), COMPUTE_TOP - 0.005)
    compute = np.linspace(low, COMPUTE_TOP, 81)
    comms, comm_weights = _normal_grid(comm, 9)
    weights = _usual(compute)[:, None] * comm_weights[None, :]
    return _summary(_shares(g, s, compute[:, None], comms[None, :]), weights, NOISE)


@dataclass(frozen=True, slots=True)
class Between:
    """What links carry between the bursts, in shares of line rate: communication may hide there, shorter than a sample."""

    local: float
    """NVLink, or PCIe where there is none."""
    nic: float
    """Under compute as a rule, as buckets of gradients are, but a sample cannot tell."""


def from_bursts(g: float, s: float, seen: Level, comm: Level, top_comm: float, between: Between, noise: float) -> Share:
    """Phases visible: compute is `seen`, but for what hides in it.

    `top_comm` is the most that communication can have: the lowest samples have no less.
    """
    hidden, hidden_weights = _hiding(between)
    errors, error_weights = _normal_grid(Level(0.0, seen.sd), 7)
    comms, comm_weights = _normal_grid(comm, 5, top_comm)
    hidden, level, comms = hidden[:, None, None], seen.mean + errors[None, :, None], comms[None, None, :]
    compute = (level - comms * hidden) / (1 - hidden)
    weights = hidden_weights[:, None, None] * error_weights[None, :, None] * comm_weights[None, None, :]
    likely = weights * _usual(compute) * (compute <= 1.0)
    if likely.sum() <= 0:  # what hides would need more than all SMs: nothing hides
        return _summary(_shares(g, s, level, comms), weights, noise)
    return _summary(_shares(g, s, compute, comms), likely, noise)


def _hiding(between: Between) -> tuple[Floats, Floats]:
    """Share of time between the bursts that is exposed communication, and how likely each is."""
    steps, step_weights = _normal_grid(Level(0.0, 1.0), 15)
    local = np.exp(HIDING + HIDING_SD * steps) * between.local
    pure = between.local < PURE
    top = min(NIC_HIDING * between.nic, PURE_TOP) if pure else NIC_HIDING * between.nic
    exposed = PURE_EXPOSED if pure else NIC_EXPOSED
    parts = np.concatenate([[0.0], (np.arange(8) + 0.5) / 8])
    part_weights = np.concatenate([[1 - exposed], np.full(8, exposed / 8)])
    hidden = np.clip(local[:, None] + top * parts[None, :], 0.0, MOST_HIDDEN)
    return hidden.ravel(), (step_weights[:, None] * part_weights[None, :]).ravel()


def _usual(compute: Floats) -> Floats:
    found: Floats = np.exp(-0.5 * ((compute - USUAL_COMPUTE.mean) / USUAL_COMPUTE.sd) ** 2) + UNUSUAL
    return found


def _normal_grid(level: Level, points: int, top: float = math.inf) -> tuple[Floats, Floats]:
    z = np.linspace(-2.4, 2.4, points)
    values, weights = level.mean + level.sd * z, np.exp(-0.5 * z * z)
    below = values <= top
    return (values[below], weights[below]) if below.any() else (np.array([top]), np.array([1.0]))


def _shares(g: float, s: float, compute: Floats, comm: Floats) -> Floats:
    comm = np.maximum(comm, 0.0)
    found: Floats = np.clip((compute * g - s) / np.maximum(compute - comm, 1e-3), 0.0, 1.0)
    return found


def _summary(shares: Floats, weights: Floats, noise: float) -> Share:
    shares, weights = np.broadcast_arrays(shares, weights)
    x, w = shares.ravel(), weights.ravel() / weights.sum()
    order = np.argsort(x)
    below = np.cumsum(w[order]) - 0.5 * w[order]
    low, high = (float(edge) for edge in np.interp([0.05, 0.95], below, x[order]))
    middle = float(x @ w)
    reach = Z90 * noise
    return Share(
        middle,
        max(0.0, middle - math.hypot(max(middle - low, 0.0), reach)),
        min(1.0, middle + math.hypot(max(high - middle, 0.0), reach)),
    )
