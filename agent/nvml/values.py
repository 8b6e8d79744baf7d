"""NVML's raw values, decoded. No driver needed."""

from __future__ import annotations

import math
import struct

SUCCESS = 0
DOUBLE, UNSIGNED_INT, UNSIGNED_LONG, UNSIGNED_LONG_LONG, SIGNED_LONG_LONG, SIGNED_INT, UNSIGNED_SHORT = range(7)
FIELD_VALUE = struct.Struct("<IIqqII8s")
"""nvmlFieldValue_t: field, scope, timestamp, latency in µs, value type, return code, value."""
_MEMBERS = {
    DOUBLE: struct.Struct("<d"),
    UNSIGNED_INT: struct.Struct("<I"),
    UNSIGNED_LONG: struct.Struct("<Q"),
    UNSIGNED_LONG_LONG: struct.Struct("<Q"),
    SIGNED_LONG_LONG: struct.Struct("<q"),
    SIGNED_INT: struct.Struct("<i"),
    UNSIGNED_SHORT: struct.Struct("<H"),
}
_BER_ZERO = (15, 255)


def union_value(value_type: int, raw: bytes) -> int | float | None:
    """The member of an nvmlValue_t that its type names; None for a type of the future, or a double that is no number."""
    member = _MEMBERS.get(value_type)
    if member is None:
        return None
    value: int | float = member.unpack_from(raw)[0]
    return value if math.isfinite(value) else None


def bit_error_rate(raw: int) -> float:
    """NVLink's BER fields: bits 0 to 7 an exponent e, bits 8 to 11 a mantissa m, for m x 10^-e; 15 and 255 mean zero."""
    mantissa, exponent = raw >> 8 & 0xF, raw & 0xFF
    return 0.0 if (mantissa, exponent) == _BER_ZERO else mantissa * 10.0**-exponent


def normal_pci(bus_id: bytes | str) -> str:
    """`00000000:1B:00.0` as 0000:1b:00.0; empty if it is no address."""
    text = bus_id.decode("ascii", errors="replace") if isinstance(bus_id, bytes) else bus_id
    domain, _, rest = text.strip("\0 ").lower().partition(":")
    try:
        return f"{int(domain, 16):04x}:{rest}"
    except ValueError:
        return ""


def driver_number(version: str) -> tuple[int, ...]:
    """`580.95.05` as (580, 95, 5); () if it is not of that form, which is older than everything."""
    parts = version.split(".")
    return tuple(int(part) for part in parts) if all(part.isascii() and part.isdigit() for part in parts) else ()
