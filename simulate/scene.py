"""What hosts are doing at some ticks: training steps with pauses for checkpoints, or nothing.

Everything is a function of time, so that no state has to be kept for millions of counters: work done until a moment is an
integral that can be written down, and a counter grows with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clusterctl.simulate.noise import Array, Noise

STEP_S, COMPUTING = 4.0, 0.8
"""A training step, and the share of it in which GPUs compute; in the rest they wait for the network."""
CYCLE_S, PAUSE_S = 600.0, 25.0
"""How often a checkpoint is written, and how long that stops the work."""
HEAT_S = 30.0
"""Over how long the work is averaged for what follows it slowly, such as temperatures."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Arrays of [hosts, 1, ticks]. `level` and `traffic` are shares of the last period, `heat` of the last half minute;
    `computed_s`, `moved_s` and `up_s` are seconds since the job or the host began."""

    hosts: Array
    level: Array
    traffic: Array
    heat: Array
    computed_s: Array
    moved_s: Array
    up_s: Array
    noise: Noise

    @property
    def shape(self) -> tuple[int, int]:
        """Hosts and ticks."""
        return self.up_s.shape[0], self.up_s.shape[2]


def scene_of(
    hosts: Array, ts_ms: Array, job_began_ms: Array, booted_ms: Array, period_s: float, busy: bool, noise: Noise
) -> Scene:
    """The scene of `hosts` (their numbers) at the ticks `ts_ms`, [hosts, ticks]; idle hosts only get older."""
    up_s = ((ts_ms - booted_ms[:, None]) / 1_000.0)[:, None, :]
    if not busy:
        nothing = np.zeros_like(up_s)
        return Scene(hosts, nothing, nothing, nothing, nothing, nothing, up_s, noise)
    job_s = ((ts_ms - job_began_ms[:, None]) / 1_000.0)[:, None, :]
    computed_s, worked_s = _computed_s(job_s), _worked_s(job_s)
    before_s = job_s - period_s
    level = (computed_s - _computed_s(before_s)) / period_s
    traffic = (worked_s - _worked_s(before_s)) / period_s - level
    heat = (computed_s - _computed_s(job_s - HEAT_S)) / HEAT_S
    return Scene(hosts, level, traffic, heat, computed_s, worked_s - computed_s, up_s, noise)


def _worked_s(job_s: Array) -> Array:
    """Time of a job without its pauses."""
    cycles = np.floor(job_s / CYCLE_S)
    within: Array = cycles * (CYCLE_S - PAUSE_S) + np.maximum(job_s - cycles * CYCLE_S - PAUSE_S, 0.0)
    return within


def _computed_s(job_s: Array) -> Array:
    """Time of a job in which its GPUs computed."""
    worked_s = _worked_s(job_s)
    steps = np.floor(worked_s / STEP_S)
    found: Array = (steps + np.minimum((worked_s - steps * STEP_S) / STEP_S / COMPUTING, 1.0)) * STEP_S * COMPUTING
    return found
