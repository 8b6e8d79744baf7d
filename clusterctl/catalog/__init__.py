"""What Xid and SXid codes mean: `xid.csv`, in our own words, with its sources, and the judgement drawn from it."""

from __future__ import annotations

import csv
import enum
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

FILE = resources.files("clusterctl.catalog") / "xid.csv"


class Weight(enum.IntEnum):
    """How much a code says about the infrastructure; of an incident's codes the weightiest decides."""

    NONE = 0
    """Says nothing by itself; joins what is open."""
    USER = 1
    """Usually the program's own doing."""
    DEGRADATION = 2
    """Capability lost while service goes on: counted apart."""
    CONDITIONAL = 3
    """Needs a second sign before anyone is blamed."""
    FAULT = 4
    """A fault of the infrastructure."""


_WEIGHTS = {"yes": Weight.FAULT, "conditional": Weight.CONDITIONAL, "degradation": Weight.DEGRADATION}
_CLASSES = {
    "hw": "hardware",
    "hw-wear": "hardware",
    "nvlink": "hardware",
    "nvlink-c2c": "hardware",
    "pcie": "hardware",
    "thermal": "hardware",
    "power": "hardware",
    "driver": "driver",
    "fw": "driver",
}


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the catalogue."""

    kind: str
    code: str
    mnemonic: str
    meaning: str
    cause_class: str
    recommended_action: str
    hw_fault_kpi: str
    user_caused: str
    sources: str

    @property
    def weight(self) -> Weight:
        """A code that programs commonly cause is theirs until a second sign says otherwise."""
        if self.user_caused == "common":
            return Weight.USER
        return _WEIGHTS.get(self.hw_fault_kpi, Weight.NONE)

    @property
    def incident_class(self) -> str:
        """hardware, driver, user or unknown, by the first of its cause classes that names one."""
        if self.weight is Weight.USER:
            return "user"
        named = [_CLASSES[part] for part in self.cause_class.split("|") if part in _CLASSES]
        return named[0] if named else "unknown"


@cache
def catalogue() -> dict[tuple[str, str], Code]:
    """Every code by (kind, code)."""
    rows = [Code(**row) for row in csv.DictReader(FILE.read_text(encoding="utf-8").splitlines())]
    return {(row.kind, row.code): row for row in rows}


@cache
def version() -> str:
    """Changes whenever the file does; kept with every incident that it judged."""
    return "2026-11." + hashlib.sha256(FILE.read_bytes()).hexdigest()[:8]


def weight_of(kind: str, code: str, severity: str) -> Weight:
    """Weight of an event. For an SXid the word Fatal in its line decides, the number alone does not. A failure without a
    number (a panic, an uncorrected memory error, a dead disk) is a fault of someone: it stays unattributed, so that no
    verdict can pass over it."""
    if kind == "sxid":
        return Weight.FAULT if severity == "fail" else Weight.NONE
    if kind not in ("xid", "gpu_off_bus"):
        return Weight.CONDITIONAL if severity == "fail" else Weight.NONE
    row = catalogue().get((kind, code))
    return row.weight if row else Weight.NONE


def class_of(kind: str, code: str) -> str:
    """Incident class of a code; unknown where the catalogue has none."""
    row = catalogue().get((kind, code))
    if row is None or (kind == "sxid" and row.incident_class == "unknown"):
        return "hardware" if kind == "sxid" else "unknown"
    return row.incident_class


def meaning_of(kind: str, code: str) -> str:
    """One line for people, empty if the catalogue has none."""
    row = catalogue().get((kind, code))
    return row.meaning if row else ""
