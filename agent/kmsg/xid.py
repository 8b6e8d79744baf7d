"""NVIDIA's Xid records.

The driver prints `NVRM: Xid (PCI:dddd:bb:dd[ GPU-I:nn[ GPU-CI:nn]]): code, [pid=…, name=…, ]text` (open driver 595,
kernel_rc.c); older and other forms are tolerated. `SXid (` contains `Xid (`, hence the boundary. A line without an address
in parentheses is no record.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from clusterctl.agent.kmsg.nvlink5 import CODES as NVLINK5
from clusterctl.agent.kmsg.nvlink5 import nvlink_fields
from clusterctl.agent.kmsg.parsed import PCI, Parsed, address, pid_of, process_of

_XID = re.compile(
    rf"(?<![\w-])Xid \((?:PCI:)?(?P<pci>{PCI})"
    r"(?: GPU-I:(?P<gpu_instance>\d{1,4}))?(?: GPU-CI:(?P<compute_instance>\d{1,4}))?\)"
    r":? *(?P<code>\d{1,5})(?!\d)[,: ]*(?P<rest>.*)",
    re.DOTALL | re.ASCII,
)
_OWNER = re.compile(
    r"(?:pid=(?P<pid>'?[^,'\s]*'?))?(?:,? *name=(?P<name>.*?))?(?:, (?=\S)|,? *$)(?P<text>.*)", re.DOTALL | re.ASCII
)
_CHANNEL = re.compile(r"\b[Cc]h(?:annel)?(?: ?I[Dd])?:? (?:0x)?(?P<channel>[0-9a-fA-F]{1,16})\b", re.ASCII)
_PREVIOUS = re.compile(r"caused by previous Xid (?P<previous_xid>[0-9]{1,5})", re.ASCII)
_PLACE = re.compile(
    r"\(GPC (?P<gpc>\d{1,4}), ?TPC (?P<tpc>\d{1,4})(?:, ?SM (?P<sm>\d{1,4}))?\)(?:: (?P<exception>[^\n]{1,120}))?",
    re.ASCII,
)
_FAULT = re.compile(
    r"MMU Fault: ENGINE (?P<engine>\S{1,40})(?: (?P<client>\S{1,40}))?(?: (?P<client_unit>\w{1,40}))? faulted"
    r"(?: @ (?P<fault_address>0x[0-9a-fA-F_]{1,24}))?"
    r"(?:\.? +Fault is of type (?P<fault>\w{1,40})(?: (?P<access>\w{1,40}))?)?",
    re.ASCII,
)
_RPC = re.compile(
    r"(?:Timeout after (?P<timeout_s>\d{1,9})s|Timeout waiting).*?"
    r"(?:Expected function (?P<function>\d{1,9}) \((?P<function_name>\w{1,64})\)(?: sequence (?P<sequence>\d{1,19}))?|$)",
    re.DOTALL | re.ASCII,
)
_LINK = re.compile(
    r"NVLink: .*?\blink (?P<link>-?\d{1,4})(?:\((?P<status_words>0x[0-9a-fA-F]{1,16}(?:, ?0x[0-9a-fA-F]{1,16}){0,15})\))?"
    rf"(?:.*?\bremote PCI:(?P<remote>{PCI}))?",
    re.DOTALL | re.ASCII,
)
_CONTAINED = re.compile(
    r"(?P<containment>Contained|Uncontained): (?P<unit>[^(\n]{1,60}?) \(.*?"
    r"(?:RST: (?P<reset>Yes|No), D-RST: (?P<drain_reset>Yes|No)|$)",
    re.DOTALL | re.ASCII,
)
_RECOVERY = re.compile(
    r"recovery action changed from 0x(?P<action_before>[0-9a-fA-F]{1,8})\b.*? to 0x(?P<action>[0-9a-fA-F]{1,8})\b",
    re.DOTALL | re.ASCII,
)


def _found(pattern: re.Pattern[str]) -> Callable[[str], dict[str, str]]:
    def fields(message: str) -> dict[str, str]:
        match = pattern.search(message)
        return {name: value for name, value in match.groupdict().items() if value} if match else {}

    return fields


def recovery(message: str) -> dict[str, str]:
    """The driver's own verdict, by number: the names have changed between drivers."""
    return {name: str(int(value, 16)) for name, value in _found(_RECOVERY)(message).items()}


def _remote(message: str) -> dict[str, str]:
    fields = _found(_LINK)(message)
    if "remote" in fields:
        fields["remote"] = address(fields["remote"])
    return fields


DETAILS: dict[str, Callable[[str], dict[str, str]]] = {
    "13": _found(_PLACE),
    "31": _found(_FAULT),
    "74": _remote,
    "94": _found(_CONTAINED),
    "95": _found(_CONTAINED),
    "119": _found(_RPC),
    "120": _found(_RPC),
    "154": recovery,
    **dict.fromkeys(NVLINK5, nvlink_fields),
}
"""What the message of a code says beyond what all codes may say."""


def parse_xid(text: str) -> Parsed | None:
    """An Xid record, from the kernel log or from the driver's tracepoint."""
    match = _XID.search(text)
    if match is None:
        return None
    pci, gpu_instance, compute_instance, code, rest = match.groups()
    code = str(int(code))
    pid, process, message = _owner(rest)
    fields: dict[str, str] = {}
    if gpu_instance:
        fields["gpu_instance"] = str(int(gpu_instance))
    if compute_instance:
        fields["compute_instance"] = str(int(compute_instance))
    if "hannel" in message or "Ch" in message:
        channel = _CHANNEL.search(message)
        if channel:
            fields["channel"] = hex(int(channel[1], 16))
    if "previous Xid" in message:
        previous = _PREVIOUS.search(message)
        if previous:
            fields["previous_xid"] = str(int(previous[1]))
    details = DETAILS.get(code)
    if details is not None:
        fields.update(details(message))
    return Parsed("xid", code, "fail", address(pci), pid, process, fields)


def _owner(rest: str) -> tuple[int | None, str, str]:
    """pid, process name and what is left. A name ends at the first comma and blank."""
    if not rest.startswith(("pid=", "name=")):
        return None, "", rest
    match = _OWNER.match(rest)
    if match is None:
        return None, "", rest
    pid, name, message = match.groups()
    return pid_of((pid or "").strip("'")), process_of(name), message
