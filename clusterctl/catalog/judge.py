"""From an event to its weight, class and action. Pure; the rules are in docs/catalog.md."""

from __future__ import annotations

from collections.abc import Mapping

from clusterctl.catalog.code import Code, Weight
from clusterctl.catalog.nvlink5 import SubCode
from clusterctl.catalog.recovery import verdict
from clusterctl.catalog.table import Catalogue, shipped

Fields = Mapping[str, str]
TAKES_A_DEVICE_AWAY = ("gpu_missing", "nvlink_down", "filesystem_read_only")
"""Checks whose failure costs the node a device or its disk; every other check describes, and opens nothing."""


def weight_of(
    kind: str,
    code: str,
    severity: str,
    driver_version: str = "",
    fields: Fields | None = None,
    site: Catalogue | None = None,
) -> Weight:
    """Weight of an event. For an SXid the word Fatal in its line decides, the number alone does not, unless the site
    says so. A failure without a number (a panic, an uncorrected memory error, a dead disk), or with an Xid that the
    catalogue does not know, is a fault of someone: it stays unattributed, so that no verdict can pass over it."""
    match kind:
        case "xid" | "gpu_off_bus":
            return _xid(site or shipped(), _code(kind, code), driver_version, fields or {})
        case "sxid":
            return _sxid((site or shipped()).lookup("sxid", code, driver_version), severity)
        case "check":
            failed = severity == "fail" and code in TAKES_A_DEVICE_AWAY
            return Weight.CONDITIONAL if failed else Weight.NONE
        case "nvml":
            return Weight.NONE
        case _:
            return Weight.CONDITIONAL if severity == "fail" else Weight.NONE


def _code(kind: str, code: str) -> str:
    """A GPU that falls off the bus without printing its Xid is 79."""
    return "79" if kind == "gpu_off_bus" else code


def _sxid(row: Code | None, severity: str) -> Weight:
    if row and row.site_reason and row.hw_fault_kpi != "if_line_says_fatal":
        return row.weight
    return Weight.FAULT if severity == "fail" else Weight.NONE


def _xid(site: Catalogue, code: str, driver_version: str, fields: Fields) -> Weight:
    row = site.lookup("xid", code, driver_version)
    if row is None:
        return Weight.CONDITIONAL
    decoded = sub_code_of(code, driver_version, fields, site)
    if decoded is None or row.site_reason or row.hw_fault_kpi != "conditional":
        return row.weight
    return refined(decoded)


def refined(decoded: SubCode) -> Weight:
    """A sub-code is the second sign that its code waits for. What NVIDIA ignores says nothing; a GPU that has to be
    reset has left service, even where its hardware is not to blame."""
    if decoded.row.hw_fault_kpi == "yes":
        return Weight.FAULT if decoded.hardware_fault else Weight.CONDITIONAL
    if decoded.row.hw_fault_kpi == "no":
        return Weight.CONDITIONAL if decoded.action == "RESET_GPU" else Weight.NONE
    return decoded.row.weight


def sub_code_of(code: str, driver_version: str, fields: Fields | None, site: Catalogue | None = None) -> SubCode | None:
    """The decoded words of an event's fields (`unit`, `word`, `words`)."""
    given = fields or {}
    words = given.get("words", "").split(maxsplit=3)
    return (site or shipped()).decode_nvlink5(code, words, given.get("unit", ""), given.get("word", ""), driver_version)


def class_of(
    kind: str,
    code: str,
    driver_version: str = "",
    fields: Fields | None = None,
    site: Catalogue | None = None,
) -> str:
    """Incident class of a code: its decoded sub-code's where there is one; unknown where the catalogue has none."""
    wanted = "xid" if kind == "gpu_off_bus" else kind
    row = (site or shipped()).lookup(wanted, _code(kind, code), driver_version)
    if row is None or (kind == "sxid" and row.incident_class == "unknown"):
        return "hardware" if kind == "sxid" else "unknown"
    decoded = sub_code_of(code, driver_version, fields, site) if kind == "xid" and not row.site_reason else None
    return decoded.row.incident_class if decoded else row.incident_class


def action_of(
    kind: str,
    code: str,
    driver_version: str = "",
    fields: Fields | None = None,
    site: Catalogue | None = None,
) -> str:
    """What to do: the driver's own verdict (`action` of an Xid 154), else the sub-code's, else the table's word."""
    own = verdict((fields or {}).get("action", ""))
    if own:
        return own
    wanted = "xid" if kind == "gpu_off_bus" else kind
    row = (site or shipped()).lookup(wanted, _code(kind, code), driver_version)
    if row is None:
        return ""
    decoded = sub_code_of(code, driver_version, fields, site) if kind == "xid" and not row.site_reason else None
    return decoded.recommended if decoded else row.recommended_action


def meaning_of(kind: str, code: str, driver_version: str = "", site: Catalogue | None = None) -> str:
    """One line for people, empty if the catalogue has none."""
    row = (site or shipped()).lookup(kind, code, driver_version)
    return row.meaning if row else ""
