"""NVML's field values and addresses, decoded. No driver needed.

The wheel's constants above 250 belong to the wheel, not to the driver: only ids that never moved are used here.
"""

from __future__ import annotations

from typing import Any

FIELDS: dict[str, int] = {
    "power_mw": 186,
    "energy_mj": 83,
    "memory_temp_c": 82,
    "pcie_replays": 94,
    "remap_pending": 144,
    "remap_failed": 145,
    "recovery_action": 230,
}
"""Column of `gpu_sample` and NVML field id."""

_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
SUCCESS = 0


def field_value(value: Any) -> int | float | None:
    """The value of one nvmlFieldValue_t by its own return code and type; None if this field has no answer."""
    if value.nvmlReturn != SUCCESS or not 0 <= value.valueType < len(_MEMBERS):
        return None
    read = getattr(value.value, _MEMBERS[value.valueType], None)
    return read if isinstance(read, (int, float)) else None


def normal_pci(bus_id: bytes | str) -> str:
    """`00000000:1B:00.0` as 0000:1b:00.0."""
    text = bus_id.decode("ascii", errors="replace") if isinstance(bus_id, bytes) else bus_id
    domain, _, rest = text.strip("\0 ").lower().partition(":")
    try:
        return f"{int(domain, 16):04x}:{rest}"
    except ValueError:
        return ""
