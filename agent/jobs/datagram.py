"""The datagram of the job hook, read with suspicion: any process of any user may write to the socket."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_BYTES = 512
MAX_RANK = (1 << 20) - 1
"""Far above any job's ranks, far below what would let one process invent endless jobs cheaply."""

KINDS = frozenset(
    {
        "step",
        "first_step",
        "run_begin",
        "checkpoint_begin",
        "checkpoint_end",
        "checkpoint_durable",
        "checkpoint_failed",
        "restore_begin",
        "restore_end",
        "data_begin",
        "data_end",
    }
)
"""What the hook marks. The list is closed: a process could invent endless kinds cheaply."""

_FORM = re.compile(
    rb"CCM1 ([a-z_]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,20}) ([0-9]{1,10}) ([0-9]{1,20}|-) ([0-9]{1,20}|-) "
    rb"([A-Za-z0-9._:+@/\[\]-]{1,200})[\n\0]?"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one datagram says. Nothing in it is known to be true; every number fits 64 bits."""

    kind: str
    wall_ns: int
    monotonic_ns: int
    dropped: int
    """Marks that this process could not send so far."""
    rank: int
    step: int | None
    size_bytes: int | None
    job_id: str
    """Empty when the job does not know."""


def parse_datagram(data: bytes) -> Claim | None:
    """The claim, or None for anything that is not exactly a mark of this version."""
    if len(data) > MAX_BYTES:
        return None
    found = _FORM.fullmatch(data)
    if found is None:
        return None
    kind = found[1].decode("ascii")
    wall_ns, monotonic_ns, dropped, rank = (int(found[i]) for i in range(2, 6))
    step, size_bytes = (None if found[i] == b"-" else int(found[i]) for i in (6, 7))
    if kind not in KINDS or rank > MAX_RANK or max(wall_ns, monotonic_ns, dropped, step or 0, size_bytes or 0) >> 64:
        return None
    job_id = found[8].decode("ascii")
    return Claim(kind, wall_ns, monotonic_ns, dropped, rank, step, size_bytes, "" if job_id == "-" else job_id)
