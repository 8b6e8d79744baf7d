"""Readings of optical modules out of their EEPROM: SFF-8472 (SFP), SFF-8636 and 8436 (QSFP), CMIS (QSFP-DD, OSFP).

A module without monitors, such as a copper cable, answers with zeros, and one that is starting with all ones: neither
is a reading. A dark lane beside lanes that work is: its light is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SFP = frozenset({0x03, 0x0B})
QSFP = frozenset({0x0C, 0x0D, 0x11})
CMIS = frozenset({0x18, 0x19, 0x1A, 0x1B, 0x1E, 0x1F, 0x20, 0x21})
"""Identifiers in byte 0, from SFF-8024."""
CMIS_FLAT_BYTES = 256
"""Lower half and page 00h."""
CMIS_BYTES = 512
"""Lower half and pages 00h, 01h and 11h, one after the other."""
CMIS_LANES = 8
_PAGE_01, _PAGE_11 = 256, 384
FULL = 0xFFFF
POWER_UW = 0.1
BIAS_UA = 2.0
STEPS_PER_MV = 10
"""Supply is told in steps of 100 µV."""
LOW_C, HIGH_C = -60, 150


@dataclass(frozen=True, slots=True)
class Optics:
    """What a module measures of itself; None is what it does not tell."""

    temp_c: int | None = None
    voltage_mv: int | None = None
    rx_power_uw: tuple[float, ...] | None = None
    tx_power_uw: tuple[float, ...] | None = None
    bias_ua: tuple[float, ...] | None = None


def decode(data: bytes) -> Optics | None:
    """The readings; None for a module that has none, or a memory that is none of the known kinds."""
    kind = data[0] if data else 0
    if kind in SFP:
        found = _sfp(data)
    elif kind in QSFP:
        found = _qsfp(data)
    elif kind in CMIS:
        found = _cmis(data)
    else:
        return None
    if found.voltage_mv is None:  # whatever is monitored has a supply: the page was empty
        return None
    return found


def _cmis(data: bytes) -> Optics:
    """Lanes only where page 11h was read. Which of eight lanes a module uses is told elsewhere, so those without
    bias, light in and light out are taken not to be in use."""
    temperature, voltage = _temperature(data, 14), _voltage(data, 16)
    if len(data) != CMIS_BYTES:
        return Optics(temperature, voltage)
    tx, bias, rx = (_words(data, _PAGE_11 + at, CMIS_LANES) for at in (26, 42, 58))
    used = [lane for lane in range(CMIS_LANES) if tx[lane] or bias[lane] or rx[lane]]
    step_ua = BIAS_UA * (1, 2, 4, 1)[data[_PAGE_01 + 32] >> 3 & 3]
    return Optics(
        temperature,
        voltage,
        _scaled([rx[lane] for lane in used], POWER_UW),
        _scaled([tx[lane] for lane in used], POWER_UW),
        _scaled([bias[lane] for lane in used], step_ua),
    )


def _qsfp(data: bytes) -> Optics:
    if len(data) < 58 or data[2] & 0x01:  # "data not ready"
        return Optics()
    rx, bias, tx = (_words(data, at, 4) for at in (34, 42, 50))
    if not any((*rx, *bias, *tx)):
        return Optics(_temperature(data, 22), _voltage(data, 26))
    measures_tx = any(tx) or (len(data) > 220 and bool(data[220] & 0x04))
    return Optics(
        _temperature(data, 22),
        _voltage(data, 26),
        _scaled(rx, POWER_UW),
        _scaled(tx, POWER_UW) if measures_tx else None,
        _scaled(bias, BIAS_UA),
    )


def _sfp(data: bytes) -> Optics:
    """Diagnostics stand on a second page. Modules calibrated from outside give raw numbers, which are left alone."""
    page = 256
    if len(data) < page + 106 or not data[92] & 0x40 or not data[92] & 0x20:
        return Optics()
    bias, tx, rx = (_words(data, page + at, 1) for at in (100, 102, 104))
    temperature, voltage = _temperature(data, page + 96), _voltage(data, page + 98)
    if not any((*rx, *bias, *tx)):
        return Optics(temperature, voltage)
    return Optics(temperature, voltage, _scaled(rx, POWER_UW), _scaled(tx, POWER_UW), _scaled(bias, BIAS_UA))


def _words(data: bytes, at: int, count: int) -> list[int]:
    return [int.from_bytes(data[place : place + 2], "big") for place in range(at, at + 2 * count, 2)]


def _scaled(values: Sequence[int], unit: float) -> tuple[float, ...] | None:
    told = tuple(round(value * unit, 1) for value in values if value != FULL)
    return told or None


def _temperature(data: bytes, at: int) -> int | None:
    """Degrees, of steps of 1/256."""
    if len(data) < at + 2:
        return None
    degrees = round(int.from_bytes(data[at : at + 2], "big", signed=True) / 256)
    return degrees if LOW_C <= degrees <= HIGH_C else None


def _voltage(data: bytes, at: int) -> int | None:
    raw = int.from_bytes(data[at : at + 2], "big") if len(data) >= at + 2 else 0
    return round(raw / STEPS_PER_MV) if 0 < raw < FULL else None
