"""NVIDIA's lines: Xid, SXid, and a GPU that fell off the bus without one.

The driver prints `NVRM: Xid (PCI:dddd:bb:dd[ GPU-I:nn[ GPU-CI:nn]]): code, [pid=…, name=…, ]text` (open driver 595,
kernel_rc.c); older and other forms are tolerated. `SXid (` contains `Xid (`, hence the boundary.
"""

from __future__ import annotations

import re

from clusterctl.agent.kmsg.parsed import Parsed

_XID = re.compile(
    r"(?:NVRM: |nvidia_dev_xid: |(?<![\w-]))Xid \("
    r"(?:PCI:)?(?P<domain>[0-9a-fA-F]{4,8}):(?P<bus>[0-9a-fA-F]{2}):(?P<device>[0-9a-fA-F]{2})(?:\.(?P<function>[0-7]))?"
    r"(?: GPU-I:(?P<gpu_instance>\d+)(?: GPU-CI:(?P<compute_instance>\d+))?)?"
    r"\): (?P<code>\d{1,5})(?P<rest>.*)",
    re.DOTALL | re.ASCII,
)
_OWNER = re.compile(
    r"^,? *(?:pid='?(?P<pid>[^,']*)'?)?(?:,? *name=(?P<name>.*?))?(?:, (?=\S)|$)(?P<text>.*)", re.DOTALL | re.ASCII
)
_PREVIOUS = re.compile(r"caused by previous Xid ([0-9]{1,5})")
_RECOVERY = re.compile(r"recovery action changed from 0x([0-9a-fA-F]+) .*? to 0x([0-9a-fA-F]+)")
_LINK = re.compile(r"^(?P<unit>[A-Z][A-Z0-9_]+) +(?P<word>Fatal|Nonfatal) +XC\d+ i\d+ Link (?P<link>-?\d+)")
_PLACE = re.compile(r"\(GPC (?P<gpc>\d+), TPC (?P<tpc>\d+)(?:, SM (?P<sm>\d+))?\)")
_SXID = re.compile(
    r"SXid \(PCI:(?P<domain>[0-9a-fA-F]{4,8}):(?P<bus>[0-9a-fA-F]{2}):(?P<device>[0-9a-fA-F]{2})\.(?P<function>[0-7])\): "
    r"(?P<code>\d{4,5}), (?P<rest>.*)",
    re.DOTALL | re.ASCII,
)
_SXID_SEVERITY = re.compile(r"^(?P<word>Fatal|Non-fatal|Correctable)(?:, Link (?P<link>\d+))?")
_SXID_DETAIL = re.compile(r"^(?:Severity \d|[Dd]ata *[\[{])")
_OFF_BUS = re.compile(
    r"GPU (?P<pci>[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?)(?:: GPU has fallen off the bus|"
    r".*fallen off the bus and is not responding)",
    re.DOTALL | re.ASCII,
)


def address(domain: str, bus: str, device: str, function: str | None = None) -> str:
    """dddd:bb:dd.f; an eight-digit domain loses its leading zeros, a missing function is 0."""
    return f"{int(domain, 16):04x}:{bus}:{device}.{function or 0}".lower()


def parse_xid(text: str) -> Parsed | None:
    """An Xid record; a line without an address in parentheses is none."""
    match = _XID.search(text)
    if match is None:
        return None
    rest = match["rest"]
    pid, process, message = _owner(rest)
    fields = {name: str(int(match[name])) for name in ("gpu_instance", "compute_instance") if match[name]}
    for pattern, names in ((_PREVIOUS, ("previous_xid",)), (_RECOVERY, ("action_before", "action"))):
        found = pattern.search(message)
        if found:
            fields.update(zip(names, found.groups(), strict=True))
    for pattern in (_LINK, _PLACE):
        found = pattern.search(message)
        if found:
            fields.update({name: value for name, value in found.groupdict().items() if value})
    pci = address(match["domain"], match["bus"], match["device"], match["function"])
    return Parsed("xid", match["code"], "fail", pci, pid, process, fields)


def _owner(rest: str) -> tuple[int | None, str, str]:
    """pid, process name and what is left; `<unknown>` counts as absent. A name ends at the first comma and blank."""
    if "pid=" not in rest[:8] and "name=" not in rest[:9]:
        return None, "", rest.removeprefix(",").lstrip()
    match = _OWNER.match(rest)
    if match is None:
        return None, "", rest
    pid, name = match["pid"] or "", (match["name"] or "").strip("'")
    return (
        int(pid) if pid.isascii() and pid.isdigit() and len(pid) < 10 else None,
        "" if name == "<unknown>" else name,
        match["text"],
    )


def parse_sxid(text: str) -> Parsed | None:
    """An SXid record, or one of the detail lines after it, which are never counted."""
    match = _SXID.search(text)
    if match is None:
        return None
    pci = address(match["domain"], match["bus"], match["device"], match["function"])
    code = str(int(match["code"]))
    if _SXID_DETAIL.match(match["rest"]):
        return Parsed("sxid_detail", code, "info", pci)
    severity = _SXID_SEVERITY.match(match["rest"])
    fields = {name: value for name, value in severity.groupdict().items() if value} if severity else {}
    return Parsed("sxid", code, "fail" if fields.get("word") == "Fatal" else "warn", pci, fields=fields)


def parse_off_bus(text: str) -> Parsed | None:
    """`GPU has fallen off the bus` in either form; several messages open alike, the end of it decides."""
    match = _OFF_BUS.search(text)
    if match is None:
        return None
    domain, bus, rest = match["pci"].split(":")
    device, _, function = rest.partition(".")
    return Parsed("gpu_off_bus", "79", "fail", address(domain, bus, device, function))
