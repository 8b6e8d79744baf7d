"""What one source says of one node, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusterctl.analytics.imports.table import Rejected

MAX_NAME, MAX_REASON = 200, 1_000


@dataclass(frozen=True, slots=True)
class Said:
    """One node's state. `since_ms` is when the source says that it began, where it tells; `gpus` None where it does not."""

    host: str
    state: str
    raw_state: str
    reason: str = ""
    said_by: str = ""
    gpus: int | None = None
    since_ms: int | None = None


@dataclass
class Listing:
    """A file of states: what could be read of it, and what could not."""

    scheduler: str
    said: list[Said] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def checked_name(text: str) -> str | None:
    """A node name that can be stored and shown, or None."""
    name = text.strip()
    return name if 0 < len(name) <= MAX_NAME and name.isprintable() and " " not in name else None
