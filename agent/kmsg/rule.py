"""How a rule of the grammar is written down, and what it makes of a match."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from clusterctl.agent.kmsg.parsed import PCI, Parsed, address, pid_of, process_of, requester

PCI_GROUP = rf"(?P<pci>{PCI})"
MAX_CODE = 64


@dataclass(frozen=True, slots=True)
class Rule:
    """`outcomes` gives code and severity by the lower-case text of the group `word`, under the empty word for patterns
    without that group. Groups named pci, pid and process go where their names say; a group `code` is the code itself; all
    others are details."""

    kind: str
    needle: str
    pattern: re.Pattern[str]
    outcomes: Mapping[str, tuple[str, str]]

    def apply(self, text: str) -> Parsed | None:
        """What the line says by this rule; None if the pattern, or the word in it, is another."""
        match = self.pattern.search(text)
        if match is None:
            return None
        groups = {name: value for name, value in match.groupdict().items() if value}
        outcome = self.outcomes.get(groups.pop("word", "").lower())
        if outcome is None:
            return None
        code, severity = outcome
        pci = groups.pop("pci", "")
        if "reporter" in groups:
            groups["reporter"] = address(groups["reporter"])
        if "id" in groups:
            pci = requester(int(groups.pop("id"), 16), groups.get("reporter", "0000:").partition(":")[0])
        return Parsed(
            self.kind,
            groups.pop("code", code)[:MAX_CODE],
            severity,
            address(pci) if pci else "",
            pid_of(groups.pop("pid", None)),
            process_of(groups.pop("process", None)),
            groups,
        )


def rule(kind: str, code: str, severity: str, needle: str, pattern: str) -> Rule:
    """A rule with one outcome."""
    return Rule(kind, needle, re.compile(pattern, re.ASCII), {"": (code, severity)})


def worded(kind: str, needle: str, pattern: str, outcomes: Mapping[str, tuple[str, str]]) -> Rule:
    """A rule whose group `word` decides."""
    return Rule(kind, needle, re.compile(pattern, re.ASCII), outcomes)
