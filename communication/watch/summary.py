"""Summaries that a job made of its own traces (docs/job-hook.md): their rows are passed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.communication.collected import Origin, rows_of
from clusterctl.communication.damage import Damaged
from clusterctl.communication.model import Analysis
from clusterctl.communication.source import Source

ENDING = ".comm.json"
MAX_BYTES = 16 << 20
HEAD_BYTES = 64 << 10
WORDS = '"clusterctl":'


class Summary(msgspec.Struct):
    """What is looked at of it: rows, or the analysis that they are made of; neither where the job could not measure."""

    job_id: str | None = None
    rows: list[dict[str, Any]] | None = None
    analysis: Analysis | None = None


def rows_of_summary(path: Path, job: str = "", layout: str = "") -> list[dict[str, Any]]:
    """Rows as the job made them, not checked yet; `job` is for one that does not name itself. Raises InputError."""
    with Source(path) as source:
        text = source.whole(MAX_BYTES)
    try:
        made = msgspec.json.decode(text, type=Summary)
        if made.rows is not None or made.analysis is None:
            return made.rows or []
        return rows_of(made.analysis, Origin(made.job_id or job, layout))
    except (
        msgspec.MsgspecError,
        UnicodeDecodeError,
        RecursionError,
        LookupError,
        ValueError,
        ArithmeticError,
    ) as error:
        raise Damaged(path, 0, f"not a summary of a job: {error}", hint="") from error


def job_told(path: Path) -> str:
    """The job that a trace of the hook names in its head; else empty. Raises InputError."""
    with Source(path) as source:
        head = source.read(HEAD_BYTES).decode("utf-8", "replace")
    _, found, rest = head.partition(WORDS)
    if not found:
        return ""
    try:
        words, _ = json.JSONDecoder().raw_decode(rest.lstrip())
    except (ValueError, RecursionError):
        return ""
    job = words.get("job_id") if isinstance(words, dict) else None
    return job if isinstance(job, str) else ""
