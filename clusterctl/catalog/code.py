"""One row of the catalogue and how much it says about the infrastructure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from clusterctl.catalog.driver import covers

KINDS = ("xid", "xid_nvlink5", "sxid")
ARCHITECTURES = ("a100", "h100", "b100", "gb200")
KPI_VALUES = ("yes", "degradation", "conditional", "no", "if_line_says_fatal")
USER_VALUES = ("common", "possible", "rare", "no")
CAUSES = (
    "app", "driver", "fw", "hw", "hw-wear", "nvlink", "nvlink-c2c", "pcie", "power", "thermal", "config", "display",
    "sw", "test", "consequence", "unknown",
)  # fmt: skip
FOLLOWERS = {
    "45": "usually follows another Xid of this or a peer GPU: look for the earlier one",
    "94": "usually follows: it counts with the memory code or ECC step beside it, not alone",
    "154": "follows the Xid that caused it and carries NVIDIA's own verdict",
    "171": "is the detail record of an uncorrectable error, usually beside 48",
    "172": "is the detail record of an uncorrectable error, usually beside 48",
}
"""Xids that describe an incident which another Xid began."""


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


WEIGHTS = {"yes": Weight.FAULT, "conditional": Weight.CONDITIONAL, "degradation": Weight.DEGRADATION}
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
    """One row of xid.csv: what a code means to the drivers of one range. Columns are described in docs/catalog.md."""

    kind: str
    code: str
    driver_from: str
    driver_until: str
    mnemonic: str
    meaning: str
    cause_class: str
    architectures: str
    hw_fault_kpi: str
    second_sign: str
    user_caused: str
    recommended_action: str
    nvidia_immediate: str
    nvidia_investigate: str
    xid154_linkage: str
    first_driver: str
    decode_v1: str
    decode_v2: str
    decode_status: str
    decode_action2: str
    opinions: str
    disagreements: str
    sources: str
    source_date: str
    site_reason: str = ""
    """Why the site judges otherwise; empty where the shipped row holds."""

    @property
    def weight(self) -> Weight:
        """A code that programs commonly cause is theirs until a second sign says otherwise."""
        if self.user_caused == "common" and self.hw_fault_kpi in ("conditional", "no"):
            return Weight.USER
        return WEIGHTS.get(self.hw_fault_kpi, Weight.NONE)

    @property
    def incident_class(self) -> str:
        """hardware, driver, user or unknown, by the first of its cause classes that names one."""
        if self.weight is Weight.USER:
            return "user"
        named = [_CLASSES[part] for part in self.cause_class.split("|") if part in _CLASSES]
        return named[0] if named else "unknown"

    def covers(self, driver_version: str) -> bool:
        """Whether the row was written for this driver."""
        return covers(self.driver_from, self.driver_until, driver_version)

    @property
    def drivers(self) -> str:
        """Its driver range for people."""
        match self.driver_from, self.driver_until:
            case "", "":
                return "any driver"
            case "", until:
                return f"before {until}"
            case since, "":
                return f"from {since}"
            case since, until:
                return f"{since} to before {until}"
