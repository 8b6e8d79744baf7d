"""Which of the known kinds a file is, by what is in it: names and suffixes are what people make of them."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

from clusterctl.communication.source import Source

HEAD_BYTES = 64 << 10
SQLITE_MAGIC = b"SQLite format 3\x00"
PICKLE = re.compile(rb"\x80[\x02-\x05]")
PLUGIN = re.compile(rb'"cat"\s*:\s*"(GROUP_API|COLL_API|P2P_API|COLL|P2P|PROXY|NET|GPU|KERNEL_LAUNCH|GROUP|PROFILER)"')
INSPECTOR = re.compile(rb'"(inspector_output_format_version|coll_perf|p2p_perf)"\s*:')
FLIGHT = re.compile(rb'"(pg_config|pg_status|entries|nccl_comm_state)"\s*:')
TRACE = re.compile(rb'"(traceEvents|schemaVersion|distributedInfo|deviceProperties)"\s*:')
EVENT = re.compile(rb'"ph"\s*:')
NCCL_LINE = re.compile(rb"^\S*:\d+:\d+ .*\bNCCL (INFO|TRACE|WARN) ", re.MULTILINE)
NAMES = re.compile(r"\.(json|jsonl|sqlite|pkl|pickle|log|txt|gz|trace|dump)$|^nccl_trace_|_dump_?\d*$", re.IGNORECASE)
"""What is looked into in a folder; a file that is named outright is always looked into."""


class Form(Enum):
    """The kinds of files."""

    KINETO = "kineto"
    NSIGHT = "nsight"
    INSPECTOR = "nccl_inspector"
    PLUGIN = "nccl_profiler"
    FLIGHT_PICKLE = "flight_recorder, pickled"
    FLIGHT_JSON = "flight_recorder, JSON"
    NCCL_DEBUG = "nccl_debug"


def form_of(path: Path, *, named: bool = True) -> Form | None:
    """None for what is none of them. JSON without a sign of what it is counts as a trace if it was named by a person, so
    that they hear what is wrong with it, and as something else in a folder. Raises InputError if it cannot be read."""
    with Source(path) as source:
        head = source.read(HEAD_BYTES)
    if head.startswith(SQLITE_MAGIC):
        return Form.NSIGHT
    if PICKLE.match(head):
        return Form.FLIGHT_PICKLE
    first = head.lstrip()[:1]
    if first in (b"[", b"{"):
        known = _json(head, first)
        return known or (Form.KINETO if named else None)
    return Form.NCCL_DEBUG if NCCL_LINE.search(head) else None


def _json(head: bytes, first: bytes) -> Form | None:
    if first == b"{" and INSPECTOR.search(head.partition(b"\n")[0]):
        return Form.INSPECTOR
    if PLUGIN.search(head):
        return Form.PLUGIN
    if TRACE.search(head) or (first == b"[" and EVENT.search(head)):
        return Form.KINETO
    return Form.FLIGHT_JSON if first == b"{" and FLIGHT.search(head) else None
