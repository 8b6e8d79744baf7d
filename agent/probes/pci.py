"""NVIDIA GPUs on the PCI bus, from sysfs: what should be there, whatever NVML says."""

from __future__ import annotations

from pathlib import Path

from clusterctl.agent.sysfs import entries, read_int

NVIDIA = 0x10DE
DISPLAY_CLASSES = (0x0300, 0x0302)
"""VGA controller and 3D controller; an NVSwitch or an audio function is neither."""


def nvidia_gpus(sysfs: Path) -> list[str]:
    """PCI addresses of NVIDIA GPUs."""
    return [
        device.name.lower()
        for device in entries(sysfs / "bus" / "pci" / "devices")
        if read_int(device / "vendor", 16) == NVIDIA and (read_int(device / "class", 16) or 0) >> 8 in DISPLAY_CLASSES
    ]
