"""What kernel-log messages say: one `Parsed` for a line that means something, None for the rest.

A rule is a kind, a pattern to search for (lines carry all sorts of prefixes) and what to make of the match. The first
rule that matches counts. Grammar and examples: docs/kernel-log.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from clusterctl.agent.kmsg.parsed import Parsed
from clusterctl.agent.kmsg.xid import parse_off_bus, parse_sxid, parse_xid


@dataclass(frozen=True, slots=True)
class Rule:
    """`code` names a group of the pattern after a `$`, or is the code itself."""

    kind: str
    code: str
    severity: str
    pattern: re.Pattern[str]

    def apply(self, text: str) -> Parsed | None:
        match = self.pattern.search(text)
        if match is None:
            return None
        groups = {name: value for name, value in match.groupdict().items() if value is not None}
        code = groups.pop("code", "").strip().lower().replace(" ", "_") if self.code == "$" else self.code
        pid = groups.pop("pid", None)
        return Parsed(
            self.kind,
            code,
            self.severity,
            groups.pop("pci", "").lower(),
            int(pid) if pid else None,
            groups.pop("process", ""),
            groups,
        )


_PCI = r"(?P<pci>[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7])"


def _rule(kind: str, code: str, severity: str, pattern: str) -> Rule:
    return Rule(kind, code, severity, re.compile(pattern, re.ASCII))


RULES: tuple[Rule, ...] = (
    _rule("pcie_dpc", "containment", "fail", rf"{_PCI}: DPC: containment event"),
    _rule(
        "aer", "correctable", "warn", rf"(?:[Cc]orrected|Correctable) error(?: message)? received(?: from)?:? {_PCI}"
    ),
    _rule(
        "aer",
        "uncorrectable_fatal",
        "fail",
        rf"Uncorrect(?:ed|able) \(Fatal\) error(?: message)? received(?: from)?:? {_PCI}",
    ),
    _rule(
        "aer",
        "uncorrectable_nonfatal",
        "fail",
        rf"Uncorrect(?:ed|able) \(Non-Fatal\) error(?: message)? received(?: from)?:? {_PCI}",
    ),
    _rule("ib_link", "link_down", "fail", rf"mlx5_core {_PCI}:? .*Port: (?P<port>\d+) Link DOWN"),
    _rule("ib_link", "link_active", "info", rf"mlx5_core {_PCI}:? .*Port: (?P<port>\d+) Link ACTIVE"),
    _rule("eth_link", "link_down", "warn", rf"{_PCI} (?P<port>[\w.@-]+): (?:NIC )?Link (?:is )?[Dd]own"),
    _rule("eth_link", "link_up", "info", rf"{_PCI} (?P<port>[\w.@-]+): (?:NIC )?Link (?:is )?[Uu]p"),
    _rule("nic_health", "health_compromised", "fail", rf"mlx5_core {_PCI}:? .*device's health compromised"),
    _rule("nic_txq", "tx_queue_timeout", "warn", r"NETDEV WATCHDOG: (?P<port>\S+) "),
    _rule("mce", "uncorrected", "fail", r"Uncorrected hardware memory error"),
    _rule("mce", "logged", "warn", r"mce: .*Machine check events logged"),
    _rule("edac", "ue", "fail", r"EDAC MC\d+: \d+ UE "),
    _rule("edac", "ce", "warn", r"EDAC MC\d+: \d+ CE "),
    _rule("nvme", "controller_down", "fail", r"nvme (?P<port>nvme\d+): controller is down; will reset"),
    _rule("nvme", "removed", "fail", r"nvme (?P<port>nvme\d+): Disabling device after reset failure"),
    _rule("fs_error", "ext4", "fail", r"EXT4-fs error \(device (?P<port>[^)]+)\)"),
    _rule("fs_error", "xfs", "fail", r"XFS \((?P<port>[^)]+)\): .*(?:[Cc]orruption|metadata I/O error|Shutting down)"),
    _rule("io_error", "block", "warn", r"I/O error, dev (?P<port>\w+)"),
    _rule("oom", "oom_kill", "warn", r"Kill(?:ed)? process (?P<pid>\d{1,9}) \((?P<process>[^)]{1,64})\)"),
    _rule(
        "soft_lockup",
        "",
        "fail",
        r"soft lockup - CPU#(?P<cpu>\d+) stuck for (?P<seconds>\d+)s! "
        r"\[(?P<process>.{1,64}):(?P<pid>\d{1,9})\]",
    ),
    _rule("hung_task", "blocked", "warn", r"task (?P<process>.{1,64}):(?P<pid>\d{1,9}) blocked for more than"),
    _rule("panic", "", "fail", r"Kernel panic - not syncing"),
)

NVIDIA: tuple[Callable[[str], Parsed | None], ...] = (parse_xid, parse_sxid, parse_off_bus)


def parse(text: str) -> Parsed | None:
    """What the message says, None if it says nothing that we know."""
    if "NVRM" in text or "Xid (" in text or "fallen off" in text:
        for parser in NVIDIA:
            found = parser(text)
            if found is not None:
                return found
    for rule in RULES:
        parsed = rule.apply(text)
        if parsed is not None:
            return parsed
    return None
