"""Fields of one GPU at one tier, in one call: the array is built once, its bytes are read in one go.

Each field has a return code, a value type and a latency of its own. What this GPU does not support is taken out; what is
slow is handed over to a slower tier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ctypes import byref, c_int32
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from clusterctl.agent.nvml.fields import FieldSpec, Tier
from clusterctl.agent.nvml.library import ABSENT, NVML
from clusterctl.agent.nvml.values import FIELD_VALUE, SUCCESS, union_value

ROUNDS = 3
"""Latencies are judged after this many rounds; the first may pay for waking something up."""
MOST = 2**64 - 1
"""All bits set, in some unit: what is beyond cannot travel, and is no reading."""
SLOW_US = {Tier.FAST: 2_000, Tier.MEDIUM: 20_000}
"""A reading slower than this moves one tier down."""


@dataclass(slots=True)
class Entry:
    """One field of the batch, and of which link, if it is a link's."""

    spec: FieldSpec
    number: int
    scope: int
    link: int | None = None
    latencies_us: list[int] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str, int | None]:
        """Table, column, link."""
        return self.spec.table, self.spec.column, self.link


Readings = dict[tuple[str, str, "int | None"], "int | float"]


def entries(specs: Iterable[FieldSpec], driver_version: str, link: int | None = None) -> list[Entry]:
    """What this driver has of `specs`."""
    found = []
    for spec in specs:
        number = spec.number(driver_version)
        if number is not None:
            found.append(Entry(spec, number, spec.scope if link is None else link, link))
    return found


class Batch:
    """One `nvmlDeviceGetFieldValues` a read. Not for two threads at once."""

    def __init__(self, tier: Tier, members: list[Entry]) -> None:
        self.tier = tier
        self.members = members
        self._rounds = 0
        self._build()

    def _build(self) -> None:
        count = len(self.members)
        self._array = (NVML.c_nvmlFieldValue_t * count)()
        for cell, entry in zip(self._array, self.members, strict=True):
            cell.fieldId, cell.scopeId = entry.number, entry.scope
        self._view = memoryview(self._array).cast("B")
        self._count = c_int32(count)

    def add(self, members: list[Entry]) -> None:
        """Take more fields in."""
        self.members += members
        self._build()

    def read(self, handle: Any, call: Callable[..., int | None]) -> Readings:
        """Readings by (table, column, link); what has no answer is not in it. `call` is the session's guard."""
        if not self.members or call("nvmlDeviceGetFieldValues", handle, self._count, byref(self._array)) is None:
            return {}
        readings: Readings = {}
        dropped = False
        learning = self._rounds < ROUNDS
        for entry, cell in zip(self.members, FIELD_VALUE.iter_unpack(self._view), strict=True):
            _, _, _, latency_us, value_type, code, raw = cell
            if code == SUCCESS:
                value = union_value(value_type, raw)
                if value is not None and value * entry.spec.scale <= MOST:
                    readings[entry.key] = value if entry.spec.scale == 1 else value * entry.spec.scale
            elif code in ABSENT:
                entry.number, dropped = -1, True
            if learning:
                entry.latencies_us.append(latency_us)
        self._rounds += learning
        if dropped:
            self.members = [entry for entry in self.members if entry.number >= 0]
            self._build()
        return readings

    def too_slow(self) -> list[Entry]:
        """Fields that belong to a slower tier, taken out of this one; said once, after the rounds of learning."""
        limit_us = SLOW_US.get(self.tier)
        if limit_us is None or self._rounds != ROUNDS:
            return []
        self._rounds += 1
        slow = [entry for entry in self.members if entry.latencies_us and median(entry.latencies_us) > limit_us]
        if slow:
            self.members = [entry for entry in self.members if entry not in slow]
            self._build()
        return slow
