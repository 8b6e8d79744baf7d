"""What the words of schedulers mean for a node: the one table of it.

In service means schedulable or allocated. A node that drains while a job still runs on it is allocated; a node that its
scheduler cannot reach is unknown, until the scheduler calls it down. `planned` is what was announced before it began.

Slurm's words: man scontrol, man sinfo (NODE STATE CODES), data_parser node states. Kubernetes: the well-known taints and node
conditions of its reference.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

IN_SERVICE, DRAINED, REPAIR, PLANNED, UNKNOWN = "in_service", "drained", "repair", "planned", "unknown"
STATES = (IN_SERVICE, DRAINED, REPAIR, PLANNED, UNKNOWN)
OUT_OF_SERVICE = frozenset({DRAINED, REPAIR, PLANNED})


@dataclass(frozen=True, slots=True)
class Meaning:
    """One line of a table: a node with any of `words`, and any of `beside` if there are such, is in `state`."""

    state: str
    words: frozenset[str]
    beside: frozenset[str] = frozenset()

    def fits(self, said: Set[str]) -> bool:
        """Whether this line speaks of a node with these words."""
        return bool(self.words & said) and (not self.beside or bool(self.beside & said))


def _line(state: str, words: str, beside: str = "") -> Meaning:
    return Meaning(state, frozenset(words.split()), frozenset(beside.split()))


BUSY = "ALLOCATED ALLOC MIXED MIX COMPLETING COMP"
SLURM: tuple[Meaning, ...] = (
    _line(PLANNED, "MAINT MAINTENANCE"),
    _line(REPAIR, "DOWN FAIL ERROR INVAL INVALID INVALID_REG"),
    _line(UNKNOWN, "NOT_RESPONDING NO_RESPOND UNKNOWN UNK FUTURE FUTR"),
    _line(IN_SERVICE, "DRAINING DRNG FAILING FAILG"),
    _line(IN_SERVICE, "DRAIN REBOOT_REQUESTED", BUSY),
    _line(DRAINED, "DRAIN DRAINED REBOOT_ISSUED REBOOTING BOOT BLOCKED"),
    _line(PLANNED, "POWERED_DOWN POWERING_DOWN POWER_DOWN POWERING_UP POW_DN POW_UP"),
    _line(IN_SERVICE, BUSY),
    _line(IN_SERVICE, "IDLE RESERVED RESV PLANNED PLND PERFCTRS NPC REBOOT_REQUESTED CLOUD DYNAMIC_NORM POWER_UP"),
)
"""The first line that fits counts. PLANNED is Slurm's word for a node that its backfill has plans for."""

SUFFIXES = {
    "*": "NOT_RESPONDING",
    "$": "MAINT",
    "~": "POWERED_DOWN",
    "#": "POWERING_UP",
    "%": "POWERING_DOWN",
    "!": "POWER_DOWN",
    "@": "REBOOT_REQUESTED",
    "^": "REBOOT_ISSUED",
    "-": "PLANNED",
}
"""What sinfo puts behind a state."""

KUBERNETES: tuple[Meaning, ...] = (
    _line(REPAIR, "Ready=False node.kubernetes.io/out-of-service node.cloudprovider.kubernetes.io/shutdown"),
    _line(UNKNOWN, "Ready=Unknown Ready=missing node.kubernetes.io/unreachable"),
    _line(PLANNED, "ToBeDeletedByClusterAutoscaler"),
    _line(PLANNED, "unschedulable node.kubernetes.io/unschedulable", "maintenance"),
    _line(DRAINED, "unschedulable node.kubernetes.io/unschedulable"),
    _line(IN_SERVICE, "Ready=True"),
)
"""Other taints and conditions (a node-problem-detector's too) leave a node schedulable for who tolerates them; they are kept
in raw_state. `maintenance` stands for a taint that names it."""

_SPLIT = re.compile(r"[+\s,|]+")


def slurm_words(said: str | Sequence[str]) -> list[str]:
    """Upper-case words of a state as any of Slurm's tools writes it: a list, IDLE+DRAIN, or idle*."""
    words: list[str] = []
    for part in _SPLIT.split(said) if isinstance(said, str) else said:
        bare = part.strip().rstrip("".join(SUFFIXES))
        words += [bare.upper()] if bare else []
        words += [SUFFIXES[mark] for mark in part.strip()[len(bare) :]]
    return words


def meaning(table: Sequence[Meaning], said: Set[str]) -> str | None:
    """State of a node with these words; None if none of them is known."""
    return next((line.state for line in table if line.fits(said)), None)


def is_announced(reason: str, planned_reasons: Sequence[str]) -> bool:
    """Whether a drain's reason says that it was planned: it begins with one of the site's words."""
    text = reason.strip().lower()
    return any(text.startswith(word.lower()) for word in planned_reasons if word)
