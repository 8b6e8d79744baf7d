"""Logs of NCCL_DEBUG=INFO with NCCL_DEBUG_SUBSYS=COLL: which calls were made, and how large. Never a time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from clusterctl.communication.collectives import element_bytes
from clusterctl.communication.finding import shown
from clusterctl.communication.lines import lines
from clusterctl.communication.model import LogRow
from clusterctl.communication.source import Source
from clusterctl.communication.tally import Tally
from clusterctl.errors import InputError

CALL = re.compile(
    rb"^(?P<host>[^\s:]{1,255}):(?P<pid>\d{1,10}):\d{1,10} .{0,80}?\bNCCL INFO (?P<name>[A-Z][A-Za-z]{1,40}): "
    rb"opCount [0-9a-f]{1,16} sendbuff \S{1,40} recvbuff \S{1,40} (?:acc \S{1,40} )?count (?P<count>\d{1,15})"
    rb" datatype (?P<dtype>\d{1,3}) op \d{1,20} root -?\d{1,10} comm (?P<comm>\S{1,40})(?: \[nranks=(?P<ranks>\d{1,7})\])?"
)
MAX_COMMUNICATORS = 100_000


@dataclass
class Communicator:
    """What one process asked of one communicator."""

    group: str
    ranks: int | None
    tally: Tally = field(default_factory=Tally)
    calls: int = 0


def read_debug(source: Source) -> list[LogRow]:
    """One row a process and communicator. Lines of other kinds are passed over. Raises InputError."""
    found: dict[tuple[bytes, bytes, bytes], Communicator] = {}
    for _, text in lines(source):
        call = CALL.match(text)
        if call is None:
            continue
        key = (call["host"], call["pid"], call["comm"])
        if key not in found and len(found) >= MAX_COMMUNICATORS:
            raise InputError(f"{source.path}: more than {MAX_COMMUNICATORS:,} communicators")
        ranks = int(call["ranks"]) if call["ranks"] else None
        one = found.setdefault(key, Communicator(b" ".join(key).decode("ascii", "replace"), ranks))
        width = element_bytes(call["dtype"].decode())
        one.calls += 1
        one.tally.add(call["name"].decode(), int(call["count"]) * width if width else None, one.ranks, None)
    if not found:
        raise InputError(
            f"{source.path}: no calls of collectives in this NCCL log", hint="they take NCCL_DEBUG_SUBSYS=COLL"
        )
    return [_row(source, one) for one in found.values()]


def _row(source: Source, one: Communicator) -> LogRow:
    return LogRow(
        path=shown(source.path),
        source="nccl_debug",
        rank=None,
        group=one.group,
        ranks_of_group=one.ranks,
        comm_ns=None,
        mark="none",
        window_ns=None,
        records=one.calls,
        calls=one.calls,
        by_call=one.tally.rows(),
        notes=["bytes and calls only: such a log has the time of issue at best, never a duration"],
    )
