"""What telemetry knows of one GPU over a window, as arrays; a missing reading is nan, an unread series is absent."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from clusterctl.errors import InputError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MAX_SAMPLES = 1_000_000
"""Of one GPU in one window: a day at 10 Hz, and a bound for what a caller may hand in by mistake."""


RATIOS, TOP_RATIO = ("graphics", "sm", "tensor", "dram"), 1.05
"""Shares of one, and how far rounding may take them above it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the hardware can do, one direction; missing where it has no such link or nobody knows."""

    nvlink_bytes_per_s: float | None = None
    nic_bytes_per_s: float | None = None
    """Of all ports that serve this GPU."""
    pcie_bytes_per_s: float | None = None
    power_w: float | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """Each value is the mean since the read before, as GPM and byte counters give it; rates are of the busier direction."""

    at_s: Floats
    """When it was read, ascending; only differences matter."""
    limits: Limits
    graphics: Floats | None = None
    """Share of time with any kernel resident."""
    sm: Floats | None = None
    """Share of SMs with a warp resident."""
    tensor: Floats | None = None
    dram: Floats | None = None
    nvlink_bytes_per_s: Floats | None = None
    nic_bytes_per_s: Floats | None = None
    pcie_bytes_per_s: Floats | None = None
    power_w: Floats | None = None
    sm_clock_mhz: Floats | None = None
    step_marks_s: Floats | None = None
    """When steps began, on the clock of `at_s`, where the job says so."""

    def __post_init__(self) -> None:
        if len(self.at_s) > MAX_SAMPLES:
            raise InputError(
                f"{len(self.at_s)} samples of one GPU", hint=f"at most {MAX_SAMPLES}: take a shorter window"
            )
        if not np.all(np.isfinite(self.at_s)) or np.any(np.diff(self.at_s) <= 0):
            raise InputError("times of samples do not ascend")
        for field in fields(self):
            values = getattr(self, field.name)
            if field.name not in ("at_s", "limits", "step_marks_s") and values is not None:
                _checked(field.name, values, len(self.at_s))

    @property
    def every_s(self) -> float:
        """Usual time between two reads; 0 with fewer than two."""
        return float(np.median(np.diff(self.at_s))) if len(self.at_s) > 1 else 0.0

    @property
    def window_s(self) -> float:
        """From the start of the first sample to the end of the last."""
        return float(self.at_s[-1] - self.at_s[0]) + self.every_s if len(self.at_s) else 0.0

    def kept(self, which: Flags) -> Readings:
        """Only these samples."""
        cut = {
            field.name: getattr(self, field.name)[which]
            for field in fields(self)
            if field.name not in ("limits", "step_marks_s") and getattr(self, field.name) is not None
        }
        return Readings(limits=self.limits, step_marks_s=self.step_marks_s, **cut)

    def use(self, link: str) -> Floats | None:
        """Share of line rate of `nvlink`, `nic` or `pcie`; missing without readings or without a known line rate."""
        values, limit = getattr(self, f"{link}_bytes_per_s"), getattr(self.limits, f"{link}_bytes_per_s")
        if values is None or not limit or not np.isfinite(values).any():
            return None
        shares: Floats = values / limit
        return shares

    def local_use(self) -> Floats | None:
        """Share of the link inside the node: NVLink, or PCIe where there is none."""
        found = self.use("nvlink")
        return self.use("pcie") if found is None else found

    def busiest_use(self) -> Floats | None:
        """Share of line rate of the link that is busiest at each sample."""
        known = [use for use in (self.use(link) for link in ("nvlink", "nic", "pcie")) if use is not None]
        return np.nan_to_num(np.fmax.reduce(known), nan=0.0) if known else None


def _checked(name: str, values: Floats, wanted: int) -> None:
    if len(values) != wanted:
        raise InputError(f"{len(values)} values of {name} for {wanted} times")
    if np.isinf(values).any() or (values < 0).any():
        raise InputError(f"{name} has a value that cannot be: infinite or negative")
    if name in RATIOS and (values > TOP_RATIO).any():
        raise InputError(f"{name} is a share of one, and has {np.nanmax(values):g}", hint="divide percent by 100")


def measured(readings: Readings) -> Flags:
    """Samples that say how long kernels were resident and on how many SMs."""
    if readings.graphics is None or readings.sm is None:
        return np.zeros(len(readings.at_s), dtype=bool)
    known: Flags = np.isfinite(readings.graphics) & np.isfinite(readings.sm)
    return known
