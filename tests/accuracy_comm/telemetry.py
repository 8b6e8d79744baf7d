"""Readings as an analysis would load them, made from a simulated rank."""

from __future__ import annotations

import numpy as np

from clusterctl.analytics.communication.readings import Limits, Readings
from clusterctl.simulate.training.sampler import Sampled

LIMITS = Limits(nvlink_bytes_per_s=450e9, nic_bytes_per_s=50e9, pcie_bytes_per_s=64e9, power_w=700.0)


def readings_of(sampled: Sampled, marks_s: np.ndarray | None = None) -> Readings:  # type: ignore[type-arg]
    """In bytes and watts, with the line rates of an H100 and one 400 Gb/s port."""
    signals = sampled.signals
    return Readings(
        at_s=sampled.at_s,
        limits=LIMITS,
        graphics=signals["graphics"],
        sm=signals["sm"],
        tensor=signals["tensor"],
        dram=signals["dram"],
        nvlink_bytes_per_s=signals["nvlink"] * 450e9,
        nic_bytes_per_s=signals["nic"] * 50e9,
        power_w=signals["power"] * 700.0,
        step_marks_s=marks_s,
    )
