"""What kernel-log messages say: one `Parsed` for a line that means something, None for the rest.

A rule is a literal that the line must contain, a pattern to search for (lines carry all sorts of prefixes) and what to make
of the match. The literal is looked for first, so that a line that says nothing costs a few microseconds. The first rule
that matches counts. The words of kinds and codes: docs/kernel-log.md.
"""

from __future__ import annotations

from collections.abc import Callable

from clusterctl.agent.kmsg import rules_host, rules_nic, rules_pcie
from clusterctl.agent.kmsg.nvidia import parse_neighbour, parse_off_bus, parse_sxid
from clusterctl.agent.kmsg.parsed import Parsed
from clusterctl.agent.kmsg.rule import Rule
from clusterctl.agent.kmsg.xid import parse_xid

MAX_PARSED = 4_096
"""A kernel record is shorter; what a file has beyond it is not searched."""

Parser = Callable[[str], Parsed | None]

NVIDIA: tuple[tuple[str, Parser], ...] = (
    ("Xid (", parse_xid),
    ("SXid (", parse_sxid),
    ("fallen off the bus", parse_off_bus),
    ("NVRM: GPU at ", parse_neighbour),
    ("GPU Board Serial Number", parse_neighbour),
    ("Rate limiting GSP RPC", parse_neighbour),
)
RULES: tuple[Rule, ...] = (*rules_pcie.RULES, *rules_nic.RULES, *rules_host.RULES)

_TABLE: tuple[tuple[str, Parser], ...] = (*NVIDIA, *((rule.needle, rule.apply) for rule in RULES))


def parse(text: str) -> Parsed | None:
    """What the message says, None if it says nothing that we know."""
    if len(text) > MAX_PARSED:
        text = text[:MAX_PARSED]
    for needle, parser in _TABLE:
        if needle in text:
            found = parser(text)
            if found is not None:
                return found
    return None
