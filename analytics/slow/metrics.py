"""The readings that tell of a slow GPU or port, and what each of them can tell."""

from __future__ import annotations

from dataclasses import dataclass

GPU, PORT, NODE, JOB = "gpu", "port", "node", "job"


@dataclass(frozen=True, slots=True)
class Metric:
    """A reading compared among peers. `name` is what `slow_finding.metric` says."""

    name: str
    subject_kind: str
    low_is_slow: bool
    absolute: bool
    """Equal devices at equal work show equal values, so that a difference is one of speed. Any other reading differs between
    healthy devices too, by place and task, and only a change against the unit's own past counts."""
    usual_spread: float
    """Spread between healthy peers that is taken for granted, as a share: the noise is never believed to be smaller."""
    power_bound: bool = False
    """Says nothing where the power limit was lowered on purpose: there the leakage of each chip decides."""
    at_equal_activity: bool = False
    """Counts only in minutes in which the SMs were as active as the peers'."""


SM_CLOCK = Metric("sm_clock_mhz", GPU, True, True, 0.015, power_bound=True)
MEMORY_CLOCK = Metric("memory_clock_mhz", GPU, True, True, 0.005)
BUSY = Metric("sm_active_per_work", GPU, False, False, 0.01)
"""SM-active time for one tensor operation. All ranks of a synchronous job do the same work in a step: the slow one is active
for it, its peers wait. More work given to a rank raises both, and leaves this as it is."""
POWER = Metric("power_mw", GPU, True, False, 0.01, power_bound=True, at_equal_activity=True)
NVLINK = Metric("nvlink_bytes_per_s", GPU, True, False, 0.01)
PCIE = Metric("pcie_bytes_per_s", GPU, True, False, 0.05)
LINK_RATE = Metric("rate_mbps", PORT, True, True, 0.005)
TRAFFIC = Metric("bytes_per_s", PORT, True, False, 0.01)
STEP_TIME = Metric("step_time_us", JOB, False, False, 0.01)
"""Time between two steps, the same for all ranks of a synchronous job: it tells that the job is slow, never who is why."""

GPU_METRICS = (SM_CLOCK, MEMORY_CLOCK, BUSY, POWER, NVLINK, PCIE)
PORT_METRICS = (LINK_RATE, TRAFFIC)
