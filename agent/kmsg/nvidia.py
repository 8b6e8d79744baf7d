"""NVIDIA's lines beside Xid: SXid of NVSwitches, a GPU that fell off the bus without an Xid, and what stands beside them."""

from __future__ import annotations

import re

from clusterctl.agent.kmsg.parsed import PCI, Parsed, address

_SXID = re.compile(
    rf"SXid \((?:PCI:)?(?P<pci>{PCI})\): (?P<code>\d{{1,5}})(?!\d)[,: ]*(?P<rest>.*)", re.DOTALL | re.ASCII
)
_SXID_SEVERITY = re.compile(
    r"(?P<word>Fatal|Non-fatal|Correctable)\b(?:, Link (?P<link>-?\d{1,4})\b)?(?:,? *(?P<error>[^\n]{1,120}))?",
    re.ASCII,
)
_SXID_DETAIL = re.compile(r"Severity \d|[Dd]ata *[\[{]")
_UUID = re.compile(
    rf"NVRM: GPU at (?:PCI:)?(?P<pci>{PCI}): (?P<uuid>GPU-[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}})",
    re.ASCII,
)
_SERIAL = re.compile(r"GPU Board Serial Number:? +(?P<serial>[\w-]{1,40})", re.ASCII)
_RATE_LIMIT = re.compile(
    rf"Rate limiting GSP RPC error prints for GPU at (?:PCI:)?(?P<pci>{PCI})"
    r"(?: \(printing 1 of every (?P<every>\d{1,9})\))?",
    re.ASCII,
)
_LOST = re.compile(rf"GPU (?:at )?(?:PCI:)?(?P<pci>{PCI}): GPU has fallen off the bus", re.ASCII)
_OPENER = re.compile(rf"The NVIDIA GPU (?:PCI:)?(?P<pci>{PCI})", re.ASCII)
_NOT_RESPONDING = "fallen off the bus and is not responding"


def parse_sxid(text: str) -> Parsed | None:
    """An SXid record, or one of the detail lines beside it, which are never counted. The word in the line decides how bad
    it is, not the number."""
    match = _SXID.search(text)
    if match is None:
        return None
    pci, code, rest = address(match["pci"]), str(int(match["code"])), match["rest"]
    if _SXID_DETAIL.match(rest):
        return Parsed("sxid_detail", code, "info", pci)
    found = _SXID_SEVERITY.match(rest)
    fields = {name: value for name, value in found.groupdict().items() if value} if found else {}
    if "link" in fields:
        fields["link"] = str(int(fields["link"]))
    return Parsed("sxid", code, "fail" if fields.get("word") == "Fatal" else "warn", pci, fields=fields)


def parse_off_bus(text: str) -> Parsed | None:
    """A GPU that has fallen off the bus, in either form. Several messages open with `The NVIDIA GPU`: the end decides, and
    the address stands at the beginning; a file that begins in the middle of the message leaves it unknown."""
    lost = _LOST.search(text)
    if lost is not None:
        return Parsed("gpu_off_bus", "79", "fail", address(lost["pci"]))
    if _NOT_RESPONDING not in text:
        return None
    opener = _OPENER.search(text)
    return Parsed("gpu_off_bus", "79", "fail", address(opener["pci"]) if opener else "")


def opens_off_bus(text: str) -> bool:
    """Whether this may be the first of the three lines that a file makes of one such message."""
    return _OPENER.search(text) is not None and _NOT_RESPONDING not in text


def continues_off_bus(text: str) -> bool:
    """Whether the line stands between the first and the last of them."""
    return "installed in this system has" in text and "NVRM:" in text


def ends_off_bus(text: str) -> bool:
    """Whether this is the last of them."""
    return _NOT_RESPONDING in text and _OPENER.search(text) is None


def parse_neighbour(text: str) -> Parsed | None:
    """The lines that the driver prints once for a GPU beside its Xids."""
    uuid = _UUID.search(text)
    if uuid is not None:
        return Parsed("gpu_uuid", "", "info", address(uuid["pci"]), fields={"gpu_uuid": uuid["uuid"]})
    serial = _SERIAL.search(text)
    if serial is not None:
        return Parsed("gpu_serial", "", "info", fields={"serial": serial["serial"]})
    limit = _RATE_LIMIT.search(text)
    if limit is None:
        return None
    return Parsed(
        "gsp_rate_limit", "", "info", address(limit["pci"]), fields={"every": limit["every"]} if limit["every"] else {}
    )
