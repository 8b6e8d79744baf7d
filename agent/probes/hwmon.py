"""Temperature sensors of /sys/class/hwmon: the hottest of the host, and those of NICs by their PCI address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clusterctl.agent.sysfs import entries, names_in, pci_of, read_int, read_text

MILLI = 1_000
LOW_C, HIGH_C = -60, 250
"""Beyond these a sensor is not connected."""
MAX_SENSORS = 1_024


@dataclass(frozen=True, slots=True)
class NicHeat:
    """Degrees of one NIC; None is what it does not tell."""

    asic_c: int | None = None
    module_c: int | None = None


def hottest(sysfs: Path) -> tuple[int | None, str | None]:
    """Degrees of the hottest sensor, and its chip and label."""
    found: tuple[int, str] | None = None
    asked = 0
    for chip in entries(sysfs / "class" / "hwmon"):
        for sensor in _sensors(chip):
            asked += 1
            degrees = _degrees(sensor)
            if degrees is not None and (found is None or degrees > found[0]):
                found = degrees, _named(chip, sensor)
            if asked == MAX_SENSORS:
                return found or (None, None)
    return found or (None, None)


def nic_heat(sysfs: Path, wanted: frozenset[str]) -> dict[str, NicHeat]:
    """Temperatures of the devices at these PCI addresses. A sensor whose label begins with "module" is the plug's."""
    heat = {}
    for chip in entries(sysfs / "class" / "hwmon"):
        pci = pci_of(chip / "device")
        if not pci or pci not in wanted:
            continue
        asic: list[int] = []
        module: list[int] = []
        for sensor in _sensors(chip):
            degrees = _degrees(sensor)
            if degrees is not None:
                (module if _label(sensor).lower().startswith("module") else asic).append(degrees)
        heat[pci] = NicHeat(max(asic, default=None), max(module, default=None))
    return heat


def _sensors(chip: Path) -> Iterator[Path]:
    for name in names_in(chip):
        if name.startswith("temp") and name.endswith("_input"):
            yield chip / name


def _degrees(sensor: Path) -> int | None:
    value = read_int(sensor)
    return value // MILLI if value is not None and LOW_C * MILLI <= value <= HIGH_C * MILLI else None


def _label(sensor: Path) -> str:
    return read_text(sensor.with_name(sensor.name.removesuffix("_input") + "_label")) or ""


def _named(chip: Path, sensor: Path) -> str:
    label = _label(sensor) or sensor.name.removesuffix("_input")
    return f"{(read_text(chip / 'name') or chip.name)[:64]} {label[:64]}"
