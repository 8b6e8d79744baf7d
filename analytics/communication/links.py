"""What bytes say: a lower bound of all communication, what of the deficit moves and what is silent, waiting and transfer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clusterctl.analytics.communication.bursts import Bursts
from clusterctl.analytics.communication.mixture import Phases, ratio
from clusterctl.analytics.communication.posterior import MIN_APART
from clusterctl.analytics.communication.readings import Flags, Floats, Readings

BUSY_LINK = 0.03
"""Share of line rate from which a link moves more than the background."""
DEFICIT, WHOLE = 0.10, 0.95
"""How far below compute, in SM activity, a sample counts as a deficit; from which share of it a burst fills a sample."""
DEEP, MIN_RUN = 0.5, 4.0
"""Share of a sample from which a burst has it, and of how many samples a usual burst must be."""
REACHED, SLACK = 0.75, 0.10
"""Quantile of link use in bursts that is a transfer without waiting, and how far it may be off."""


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Shares of the window that each link must have been busy, at line rate; missing where unread. Never added up."""

    nvlink: float | None
    nic: float | None
    pcie: float | None

    @property
    def total(self) -> float | None:
        """Lower bound of the share of time in communication: NVLink and NIC can be busy at the same time."""
        known = [value for value in (self.nvlink, self.nic) if value is not None]
        return max(known) if known else None


def at_least(readings: Readings) -> AtLeast:
    """PCIe is told apart from the others: it carries host copies too, so it bounds nothing."""
    return AtLeast(*(_mean(readings.use(link)) for link in ("nvlink", "nic", "pcie")))


def _mean(use: Floats | None) -> float | None:
    return None if use is None else min(1.0, float(np.nanmean(use)))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what and what a share of time lies."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Split:
    """What the time below compute, in bursts, is made of. Missing means that nobody can tell."""

    moving: float | None
    """Samples in which bytes move."""
    silent: float | None
    """Samples in which none do: waiting for a peer or small kernels, which look the same."""
    transfer: Bounds | None
    """Exposed transfer: at line rate, and at the rate that the job reaches in its bursts."""
    wait: Bounds | None
    """The rest of the bursts: waiting, or small kernels where no trace has told them apart."""


UNKNOWN_SPLIT = Split(None, None, None, None)


def split(readings: Readings, graphics: Floats, sm: Floats, fit: Phases, seen: Bursts, *, pure: bool) -> Split:
    """Where bursts are shorter than a sample, each sample has both, and nothing can be told.

    Transfer and waiting are told apart only where bursts last several samples and nothing moves between them (`pure`).
    """
    use = readings.busiest_use()
    if use is None or not seen.visible:
        return UNKNOWN_SPLIT
    r = np.nan_to_num(ratio(graphics, sm), nan=fit.compute)
    depth = np.clip(graphics * (fit.compute - r) / max(fit.compute - fit.comm, MIN_APART), 0.0, 1.0)
    depth = np.where(r < fit.compute - DEFICIT, depth, 0.0)
    busy = use > BUSY_LINK
    moving, silent = float(depth[busy].sum() / len(r)), float(depth[~busy].sum() / len(r))
    if not (pure and seen.comm_known and _run(depth > DEEP) >= MIN_RUN):
        return Split(moving, silent, None, None)
    transfer = _transfer(np.minimum(use, 1.0), depth, moving)
    total = moving + silent
    return Split(moving, silent, transfer, Bounds(max(0.0, total - transfer.high), max(0.0, total - transfer.low)))


def _run(flags: Flags) -> float:
    """Median length of the runs of these samples."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(int))
    lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    return float(np.median(lengths)) if len(lengths) else 0.0


def _transfer(use: Floats, depth: Floats, moving: float) -> Bounds:
    """A sample that a burst fills only in part carries hidden traffic too: it counts by the part."""
    whole = depth > WHOLE
    carried = float((use * depth).sum() / len(use))
    reached = float(np.quantile(use[whole], REACHED)) if whole.any() else 1.0
    return Bounds(min(carried, moving), min(moving, (1 + SLACK) * carried / max(reached, BUSY_LINK)))
