"""A training job to simulate: what is asked for, the shape of its step, and how it may deviate from the plain model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from clusterctl.errors import InputError


class Layout(Enum):
    """How a job is parallel, as far as it shows in a step."""

    TAIL = "tail"
    """Data parallel: one burst at the end of the step."""
    FINE = "fine"
    """Tensor or expert parallel: a slice every few milliseconds, over NVLink."""
    MIXED = "mixed"
    """Half in slices, half as a burst."""
    FSDP = "fsdp"
    """Sharded parameters: gathers between layers over the NIC, and a burst of gradients."""
    PIPELINE = "pipeline"
    """Stages: bubbles of waiting at both ends of the step, small sends between."""
    MOE = "moe"
    """Experts over several nodes: all-to-all over the NIC every few milliseconds, much of it waiting."""


class Oddity(Enum):
    """One deviation from the model that an estimator assumes."""

    NONE = "none"
    SMALL_KERNELS = "10 % of the step in small kernels, S .35"
    TINY_KERNELS = "same, S .12"
    LOW_SM = "compute at S .65"
    FULL_SM = "compute at S .99"
    WIDE_COMMUNICATION = "64-CTA communication"
    COPY_ENGINE = "copy-engine or RDMA-only"
    HALF_G = "g reads .5 while a collective spins"
    STOP = "20 s stop (checkpoint)"
    WAITING = "80 % of exposed is waiting"
    IDLE = "30 % idle"


@dataclass(frozen=True, slots=True)
class Shape:
    """How the exposed time of a step is cut into pieces."""

    slice_s: float | None
    """Length of a slice; missing where the number of slices is fixed."""
    slices: int
    """At least so many a step, or exactly so many."""
    in_slices: float
    """Share of exposed time that lies in slices; the rest is one block at the end, but for the bubble."""
    slices_on_nvlink: bool
    bubble: float = 0.0
    """Share of exposed time that is waiting at the start of the step."""

    def count(self, step_s: float) -> int:
        """Slices of a step."""
        return self.slices if self.slice_s is None else max(self.slices, round(step_s / self.slice_s))


SHAPES = {
    Layout.TAIL: Shape(None, 1, 0.0, False),
    Layout.FINE: Shape(0.008, 8, 1.0, True),
    Layout.MIXED: Shape(0.016, 6, 0.5, True),
    Layout.FSDP: Shape(None, 64, 0.7, False),
    Layout.PIPELINE: Shape(None, 16, 0.2, False, bubble=0.4),
    Layout.MOE: Shape(0.005, 8, 0.9, False),
}
WAIT_SHARE = {Layout.MOE: 0.5, Layout.PIPELINE: 0.5}
"""Of exposed time, without the bubble; 0.3 for all others."""


@dataclass(frozen=True, slots=True)
class JobPlan:
    """One rank of a job. Shares are of the step's wall time."""

    layout: Layout
    step_s: float
    exposed: float
    hidden: float = 0.3
    """Share of all communication that lies under compute."""
    idle: float = 0.02
    seed: int = 1
    """Of the whole job: what is drawn once, and what happens to all ranks at the same time."""
    rank: int = 0
    window_s: float = 300.0
    oddity: Oddity = Oddity.NONE
    wait_share: float | None = None
    """Of exposed time; missing: as the layout has it."""
    sm_drift: float = 0.0
    """How far compute's SM activity moved since the job's draw, relative; as after a change of sequence length."""

    def __post_init__(self) -> None:
        shares = (self.exposed, self.idle, self.hidden)
        if min(shares) < 0 or self.exposed + self.idle >= 0.9 or self.hidden >= 1:
            raise InputError("a step has no room for that much communication and idle time")
        if self.step_s <= 0 or self.window_s <= 0:
            raise InputError("a step and a window last longer than nothing")

    @property
    def shape(self) -> Shape:
        """Of the layout."""
        return SHAPES[self.layout]

    @property
    def waiting(self) -> float:
        """Share of exposed time that moves no bytes, without the bubble."""
        if self.oddity is Oddity.WAITING:
            return 0.8
        return WAIT_SHARE.get(self.layout, 0.3) if self.wait_share is None else self.wait_share

    @property
    def idle_share(self) -> float:
        """With the deviation."""
        return 0.3 if self.oddity is Oddity.IDLE else self.idle
