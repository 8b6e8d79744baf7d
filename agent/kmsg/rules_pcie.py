"""PCIe: advanced error reporting, containment, hot-plug, down-trained links, and CXL."""

from __future__ import annotations

from clusterctl.agent.kmsg.parsed import PCI
from clusterctl.agent.kmsg.rule import PCI_GROUP, Rule, rule, worded

_REPORTER = rf"(?:(?P<reporter>{PCI}):? (?:\S+: )?)?AER: "
_SEVERITY = r"(?P<word>[Cc]orrected|[Cc]orrectable|[Uu]ncorrect(?:ed|able) \((?:Non-)?[Ff]atal\))"
_SEVERITIES = {
    "corrected": ("corrected", "warn"),
    "correctable": ("correctable", "warn"),
    "uncorrected (non-fatal)": ("uncorrectable_nonfatal", "warn"),
    "uncorrectable (non-fatal)": ("uncorrectable_nonfatal", "warn"),
    "uncorrected (fatal)": ("uncorrectable_fatal", "fail"),
    "uncorrectable (fatal)": ("uncorrectable_fatal", "fail"),
}
"""`corrected` is the word of old kernels for what 6.x calls `correctable`."""
_BUS_ERROR = rf"{PCI_GROUP}:? (?:AER: )?%s Bus Error: severity={_SEVERITY}(?:, type=(?P<layer>[\w ]{{1,40}}))?"
_SLOT = rf"{PCI_GROUP}:?(?:\S* |pcie\d+: )?(?:pciehp: )?Slot\((?P<slot>[^)\s]{{1,16}})\): "

RULES: tuple[Rule, ...] = (
    # the address before `AER:` is the root port that reports; the one at the end is the device
    worded(
        "aer",
        "AER: ",
        rf"{_REPORTER}(?:(?P<multiple>Multiple) )?{_SEVERITY} error(?: message)? received(?: from)?:? "
        rf"(?:{PCI_GROUP}|id=(?P<id>[0-9a-fA-F]{{4}}))",
        _SEVERITIES,
    ),
    worded("aer", "PCIe Bus Error: severity=", _BUS_ERROR % "PCIe", _SEVERITIES),
    worded("cxl", "CXL Bus Error: severity=", _BUS_ERROR % "CXL", _SEVERITIES),
    rule(
        "pcie_dpc", "containment", "fail", "DPC: containment event", rf"{PCI_GROUP}:? .{{0,40}}?DPC: containment event"
    ),
    worded(
        "pcie_hotplug",
        "Slot(",
        rf"{_SLOT}(?P<word>Link Down/Up ignored \(recovered|Link Down|Link Up|Card not present|Card present)",
        {
            "link down/up ignored (recovered": ("recovered", "info"),
            "link down": ("link_down", "warn"),
            "link up": ("link_up", "info"),
            "card not present": ("card_absent", "warn"),
            "card present": ("card_present", "info"),
        },
    ),
    rule(
        "pcie_limited",
        "pcie_bandwidth",
        "warn",
        "available PCIe bandwidth, limited by",
        rf"{PCI_GROUP}:? (?P<available_gbps>[\d.]{{1,12}}) Gb/s available PCIe bandwidth, limited by "
        rf"(?P<link>[^\n]{{1,60}}?) at (?P<limited_at>{PCI})(?: \(capable of (?P<capable_gbps>[\d.]{{1,12}}) Gb/s)?",
    ),
)
