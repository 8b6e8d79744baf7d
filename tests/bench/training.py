"""What simulated training does to a node's GPUs: jobs one after another, on a grid of 100 ms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FINE_S = 0.1
"""NVML refreshes power, energy and GPM about this often."""
NO_JOB = -1
FORWARD = 0.33
"""Share of a step's computing that is the forward pass, which draws less power than the backward pass."""


@dataclass
class Activity:
    """Shares of 0 to 1 of what a board could do, and the job's number; one entry a step of the grid."""

    compute: Array
    traffic: Array
    storage: Array
    job: Array


def activity(chance: np.random.Generator, seconds: int) -> Activity:
    """Jobs of some 45 minutes with minutes of idleness between them."""
    size = int(seconds / FINE_S)
    made = Activity(np.zeros(size), np.zeros(size), np.zeros(size), np.full(size, NO_JOB))
    at, number = -int(chance.uniform(0, 1_200) / FINE_S), 0
    while at < size:
        length = int(chance.lognormal(np.log(2_700), 0.6) / FINE_S)
        _job(chance, made, at, min(at + length, size), number)
        at += length + int(chance.uniform(60, 400) / FINE_S)
        number += 1
    return made


def _job(chance: np.random.Generator, made: Activity, begin: int, end: int, number: int) -> None:
    """One job: loading, then steps of some seconds, each of which ends in communication; now and then a checkpoint."""
    grid = np.arange(max(begin, 0), end)
    if not len(grid):
        return
    made.job[grid] = number
    loading = int(chance.uniform(30, 120) / FINE_S)
    made.storage[grid[grid - begin < loading]] = 0.4
    steps = grid[grid - begin >= loading]
    step_s, talk = chance.uniform(2.0, 9.0), chance.uniform(0.06, 0.22)
    pauses, lengths = _lengths(chance, step_s, int((end - begin) * FINE_S / step_s) + 2)
    ends = begin + loading + np.cumsum(pauses + lengths) / FINE_S
    which = np.searchsorted(ends, steps, side="right").clip(max=len(ends) - 1)
    left = (ends[which] - steps) * FINE_S / lengths[which]
    saving, talking = left > 1, left < talk
    working = np.where(saving | talking, 0.0, np.where(left > 1 - FORWARD * (1 - talk), 0.86, 1.0))
    made.compute[steps] = working
    made.traffic[steps] = np.where(talking, 1.0, 0.22 * (working > 0))
    made.storage[steps] = np.where(saving, 1.0, 0.02)


def _lengths(chance: np.random.Generator, step_s: float, count: int) -> tuple[Array, Array]:
    """Seconds of the pause before each step, and of the step: a hundredth of jitter, and some steps with a straggler."""
    lengths = step_s * (1 + 0.01 * chance.standard_normal(count)) * np.where(chance.random(count) < 0.02, 1.3, 1.0)
    every, save_s = int(chance.uniform(300, 900) / step_s), chance.uniform(10, 40)
    return np.where(np.arange(count) % every == every - 1, save_s, 0.0), lengths
