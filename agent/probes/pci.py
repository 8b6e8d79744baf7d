"""NVIDIA GPUs on the PCI bus, from sysfs: what should be there, whatever NVML says, and how its link has trained."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from clusterctl.agent.sysfs import entries, read_int, read_text, read_within
from clusterctl.clock import Clock, SystemClock

NVIDIA = 0x10DE
DISPLAY_CLASSES = (0x0300, 0x0302)
"""VGA controller and 3D controller; an NVSwitch or an audio function is neither."""
LIST_EVERY_S = 10.0
_SPEED = re.compile(r"(\d{1,3}(?:\.\d)?) GT/s")
_GENERATION = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}
"""PCIe generation by GT/s a lane."""


@dataclass(frozen=True, slots=True)
class PciLink:
    """A device's link as it is and as it could be; None is what the device does not tell."""

    pci: str
    generation: int | None
    generation_max: int | None
    width: int | None
    width_max: int | None


class PciGpus:
    """Lists the bus at most every ten seconds, or when a device was added or removed."""

    def __init__(self, sysfs: Path, clock: Clock | None = None) -> None:
        self._folder = sysfs / "bus" / "pci" / "devices"
        self._clock = clock or SystemClock()
        self._listed_s: float | None = None
        self._stamp = 0
        self._found: tuple[str, ...] = ()

    def addresses(self) -> tuple[str, ...]:
        """PCI addresses of NVIDIA GPUs, lower case."""
        now_s, stamp = self._clock.monotonic_s(), self._modified_ns()
        if self._listed_s is None or stamp != self._stamp or now_s - self._listed_s >= LIST_EVERY_S:
            self._listed_s, self._stamp = now_s, stamp
            self._found = tuple(nvidia_gpus(self._folder.parents[2]))
        return self._found

    def links(self) -> list[PciLink]:
        """Link of each GPU now. An idle GPU lowers its speed on purpose, so widths and maxima are what compares."""
        wanted = set(self.addresses())
        return [link_of(device) for device in entries(self._folder) if device.name.lower() in wanted]

    def _modified_ns(self) -> int:
        try:
            return os.stat(self._folder).st_mtime_ns
        except OSError:
            return 0


def nvidia_gpus(sysfs: Path) -> list[str]:
    """PCI addresses of NVIDIA GPUs, listed anew."""
    return [
        device.name.lower()
        for device in entries(sysfs / "bus" / "pci" / "devices")
        if read_int(device / "vendor", 16) == NVIDIA and (read_int(device / "class", 16) or 0) >> 8 in DISPLAY_CLASSES
    ]


def link_of(device: Path) -> PciLink:
    """The link of one PCI device; a width of 0 or 255 and an unknown speed are what a lost device says."""
    return PciLink(
        device.name.lower(),
        _generation(device / "current_link_speed"),
        _generation(device / "max_link_speed"),
        read_within(device / "current_link_width", 32, 1),
        read_within(device / "max_link_width", 32, 1),
    )


def _generation(path: Path) -> int | None:
    match = _SPEED.match(read_text(path) or "")
    return _GENERATION.get(float(match[1])) if match else None
