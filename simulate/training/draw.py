"""What chance decides once for a job, and what each state of the GPU then reads as."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from clusterctl.simulate.noise import Array
from clusterctl.simulate.training.plan import JobPlan, Layout, Oddity

SMS = 132
CTAS = (4, 8, 12, 16, 20, 24, 32)
WIDE_CTAS = 64
IDLE_POWER = 0.13


class State(IntEnum):
    """What the GPU does; the first letters are compute of decreasing intensity."""

    A = 0
    B = 1
    BESIDE = 2
    C = 3
    WAIT = 4
    MOVE = 5
    IDLE = 6
    LAST_WAIT = 7
    LAST_MOVE = 8
    OPTIMISER = 9
    SMALL = 10


COMMUNICATING = (State.WAIT, State.MOVE, State.LAST_WAIT, State.LAST_MOVE)
SIGNALS = ("graphics", "sm", "tensor", "dram", "nvlink", "nic", "power")


@dataclass(frozen=True, slots=True)
class Draw:
    """Shares of what the hardware can do: of SMs, of line rate, of TDP."""

    sm_compute: float
    sm_comm: float
    tensor: float
    tensor_beside: float
    dram: float
    nic: float
    nvlink: float
    hidden: float
    """Rate of hidden traffic against that of exposed."""
    hidden_on_nvlink: bool
    power_compute: float
    power_comm: float
    power_optimiser: float
    nic_lag_s: float
    background: float
    profile_sn_error: float
    """How far a profile's reading of `sm_comm` is off."""


def draw(plan: JobPlan) -> Draw:
    """Of the job: all its ranks have the same."""
    chance = np.random.default_rng([plan.seed, 1])
    sm_compute = chance.uniform(0.84, 0.985)
    sm_compute = {Oddity.LOW_SM: 0.65, Oddity.FULL_SM: 0.99}.get(plan.oddity, sm_compute)
    ctas = float(chance.choice(CTAS))
    on_nvlink = chance.random() < 0.5
    return Draw(
        sm_compute=min(1.0, sm_compute * (1 + plan.sm_drift)),
        sm_comm=(WIDE_CTAS if plan.oddity is Oddity.WIDE_COMMUNICATION else ctas) / SMS,
        tensor=chance.uniform(0.35, 0.75),
        tensor_beside=1 - chance.uniform(0.02, 0.12),
        dram=chance.uniform(0.2, 0.6),
        nic=chance.uniform(0.55, 0.95),
        nvlink=chance.uniform(0.25, 0.65),
        hidden=chance.uniform(0.5, 1.0),
        hidden_on_nvlink=plan.layout is Layout.FINE and on_nvlink,
        power_compute=chance.uniform(0.75, 0.98),
        power_comm=chance.uniform(0.28, 0.48),
        power_optimiser=chance.uniform(0.6, 0.75),
        nic_lag_s=chance.uniform(0.0, 0.02),
        background=chance.uniform(0.0, 0.004),
        profile_sn_error=chance.normal(0.0, 0.01),
    )


def levels(plan: JobPlan, drawn: Draw) -> Array:
    """What each state reads as: [state, signal], in the order of `State` and `SIGNALS`."""
    s_c, s_n, t, p = drawn.sm_compute, drawn.sm_comm, drawn.tensor, drawn.power_compute
    beside = min(1.0, s_c + 0.25 * s_n)
    slice_link = (drawn.nvlink, 0.0) if plan.shape.slices_on_nvlink else (drawn.nvlink * 0.25, drawn.nic)
    hidden = (drawn.nvlink * drawn.hidden, 0.0) if drawn.hidden_on_nvlink else (0.0, drawn.nic * drawn.hidden)
    waiting = (1, s_n, 0, 0.02, 0, 0, 0.92 * drawn.power_comm)
    table: dict[State, tuple[float, ...]] = {
        State.A: (1, min(1.0, 1.02 * s_c), min(1.0, 1.30 * t), drawn.dram, 0, 0, 1.03 * p),
        State.B: (1, s_c, 0.95 * t, drawn.dram, 0, 0, p),
        State.BESIDE: (1, beside, t * drawn.tensor_beside, drawn.dram, *hidden, p),
        State.C: (1, 0.955 * s_c, 0.15 * t, min(1.0, 1.4 * drawn.dram), 0, 0, 0.86 * p),
        State.WAIT: waiting,
        State.MOVE: (1, s_n, 0, 0.08, *slice_link, drawn.power_comm),
        State.IDLE: (0, 0, 0, 0, 0, 0, IDLE_POWER),
        State.LAST_WAIT: waiting,
        State.LAST_MOVE: (1, s_n, 0, 0.08, drawn.nvlink * 0.25, drawn.nic, drawn.power_comm),
        State.OPTIMISER: (1, 0.93, 0, 0.8, 0, 0, drawn.power_optimiser),
        State.SMALL: (1, 0.12 if plan.oddity is Oddity.TINY_KERNELS else 0.35, 0.02, 0.1, 0, 0, 0.5),
    }
    found = np.array([table[state] for state in State], dtype=np.float64)
    return _odd(plan, found)


def _odd(plan: JobPlan, found: Array) -> Array:
    """What the deviation changes in what is read."""
    if plan.oddity is Oddity.COPY_ENGINE:
        found[COMMUNICATING, :3] = 0.0
        found[State.BESIDE, 1] = found[State.B, 1]
    if plan.oddity is Oddity.HALF_G:
        found[COMMUNICATING, 0] = 0.5
    return found
