"""Jobs from Slurm's accounting: `sacct --json`, or `sacct -P` with a header.

The columns that matter are FORMAT. Steps are left out, and each requeue is a run of its own (sacct -D lists them). Times
without a zone are of the zone that was given.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from clusterctl.analytics.imports.hostlist import expand
from clusterctl.analytics.imports.job_run import Jobs, Run
from clusterctl.analytics.imports.json_file import at, listed, number, text
from clusterctl.clock import MS_PER_S
from clusterctl.errors import InputError
from clusterctl.timetext import parse_time

NO_TIME = {"", "unknown", "none", "n/a", "invalid"}
NO_NODES = {"", "none", "none assigned", "(null)", "n/a"}
MAX_LINE = 1 << 18
_TRES_GPUS = re.compile(r"(?:^|,)gres/gpu(:[^=,]+)?=(\d{1,6})")
_CANCELLED = re.compile(r"CANCELLED by (\d{1,10})")
_EXIT = re.compile(r"(\d{1,10}):(\d{1,3})")
FORMAT = "JobID,User,UID,State,ExitCode,Submit,Eligible,Start,End,NodeList,AllocTRES,ReqTRES"
EXCLUDED = ("excnodelist", "excnodes", "excludednodes", "excluded")


def from_lines(content: str, zone: tzinfo) -> Jobs:
    """`sacct -P`. Raises InputError without a usable header."""
    lines = content.splitlines()
    header = [name.strip().lower() for name in (lines[0] if lines else "").lstrip("\ufeff").split("|")]
    missing = [name for name in ("jobid", "state", "start", "end", "nodelist") if name not in header]
    if missing or not {"alloctres", "reqtres", "allocgres", "reqgres"} & set(header):
        raise InputError(
            f"not `sacct -P` with a header: no column {', '.join(missing) or 'AllocTRES'}",
            hint=f"sacct -a -D -P -X --format={FORMAT}",
        )
    jobs = Jobs("slurm")
    for number_, cells in _records(lines, jobs):
        if len(cells) != len(header):
            jobs.reject(number_, f"{len(cells)} cells under {len(header)} columns")
            continue
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        if "." in row["jobid"]:
            continue  # a step
        try:
            _take(jobs, _from_cells(row, zone))
        except (InputError, ValueError) as error:
            jobs.reject(number_, str(error))
    return jobs


def from_json(document: dict[str, Any]) -> Jobs:
    """`sacct --json`."""
    jobs = Jobs("slurm")
    for index, entry in enumerate(listed(document.get("jobs"))):
        try:
            _take(jobs, _from_entry(entry))
        except ValueError as error:
            jobs.reject(index + 1, f"job {index + 1}: {error}")
    return jobs


def _records(lines: list[str], jobs: Jobs) -> Iterator[tuple[int, list[str]]]:
    for index, line in enumerate(lines[1:], start=2):
        if len(line) > MAX_LINE:
            jobs.reject(index, f"a line of more than {MAX_LINE} characters")
        elif line.strip():
            yield index, next(csv.reader([line], delimiter="|", quoting=csv.QUOTE_NONE), [])


def _from_cells(row: dict[str, str], zone: tzinfo) -> dict[str, Any]:
    def moment(name: str) -> int | None:
        cell = row.get(name, "")
        if cell.lower() in NO_TIME:
            return None
        return int(cell) * MS_PER_S if cell.isascii() and cell.isdigit() and len(cell) < 12 else parse_time(cell, zone)

    code = _EXIT.fullmatch(row.get("exitcode", ""))
    return {
        "job_id": row["jobid"],
        "owner": row.get("user", ""),
        "uid": row.get("uid", ""),
        "state": row["state"],
        "exit_code": _exit_code(int(code[1]), int(code[2])) if code else None,
        "times": {name: moment(name) for name in ("submit", "eligible", "start", "end")},
        "nodes": row["nodelist"],
        "gpus": next(
            (count for name in ("alloctres", "reqtres") if (count := _tres(row.get(name, ""))) is not None), None
        ),
        "excluded": next((row[name] for name in EXCLUDED if row.get(name)), ""),
    }


def _from_entry(entry: object) -> dict[str, Any]:
    number_ = number(at(entry, "job_id"))
    if number_ is None:
        raise ValueError("no job_id")
    array, task = number(at(entry, "array", "job_id")), number(at(entry, "array", "task_id"))
    state = at(entry, "state", "current") or at(entry, "state")
    words = [state] if isinstance(state, str) else [text(word, 64) for word in listed(state)]
    killer = text(at(entry, "kill_request_user")) or text(at(entry, "state", "kill_request_user"))
    code, signal = at(entry, "exit_code", "return_code"), at(entry, "exit_code", "signal", "id")
    old_signal = at(entry, "exit_code", "signal", "signal_id")
    returned = number(code)
    times = {
        name: _seconds(at(entry, "time", key))
        for name, key in (("submit", "submission"), ("eligible", "eligible"), ("start", "start"), ("end", "end"))
    }
    owner = text(at(entry, "user")) or text(at(entry, "association", "user"))
    return {
        "job_id": f"{array}_{task}" if array and task is not None else str(number_),
        "owner": owner,
        "uid": owner,
        "state": f"CANCELLED by {killer}" if killer and words[:1] == ["CANCELLED"] else words[0] if words else "",
        "exit_code": None if returned is None else _exit_code(returned, number(signal) or number(old_signal) or 0),
        "times": times,
        "nodes": text(at(entry, "nodes"), 1 << 18),
        "gpus": _tres_list(at(entry, "tres", "allocated")) or _tres_list(at(entry, "tres", "requested")),
        "excluded": text(at(entry, "excluded_nodes"), 4_096),
    }


def _seconds(value: object) -> int | None:
    found = number(value)
    return found * MS_PER_S if found and found > 0 else None


def _exit_code(code: int, signal: int) -> int | None:
    """As a shell has it: 128 and the signal that ended it."""
    found = code if code or not signal else 128 + signal
    return found if found < 2**31 else None


def _tres(tres: str) -> int | None:
    """GPUs of a TRES list: the untyped count if there is one, which includes the typed ones."""
    counts = [(kind, int(count)) for kind, count in _TRES_GPUS.findall(tres[:8_192])]
    plain = [count for kind, count in counts if not kind]
    return (plain[0] if plain else sum(count for _, count in counts)) if counts else None


def _tres_list(tres: object) -> int | None:
    counts = [
        (text(at(one, "name")), number(at(one, "count")) or 0)
        for one in listed(tres)[:256]
        if at(one, "type") == "gres"
    ]
    plain = [count for name, count in counts if name == "gpu"]
    typed = [count for name, count in counts if name.startswith("gpu:")]
    return plain[0] if plain else sum(typed) if typed else None


def _wanted(found: dict[str, Any], state: str) -> int | None:
    """Whether its owner asked for the end: it came by itself, or the owner cancelled it. A time limit is the owner's own, and
    whether the job was done by then nobody tells."""
    if state == "COMPLETED":
        return 1
    if state in ("TIMEOUT", "DEADLINE"):
        return None
    if state == "CANCELLED":
        by = _CANCELLED.match(found["state"])
        killer = by[1] if by else found["state"].partition(" by ")[2]
        return int(killer == found["uid"]) if killer and found["uid"] else None
    return 0


def _take(jobs: Jobs, found: dict[str, Any]) -> None:
    """Add the runs of one job, one a node. Raises ValueError if it cannot be."""
    times, nodes = found["times"], found["nodes"].strip()
    if times["start"] is None or nodes.lower() in NO_NODES:
        jobs.pending += 1
        return
    if not found["gpus"]:
        jobs.without_gpus += 1
        return
    state = (found["state"].split() or [""])[0].rstrip("+").upper()
    hosts = expand(nodes)
    each, more = divmod(found["gpus"], max(1, len(hosts)))
    running = times["end"] is None or state in ("RUNNING", "SUSPENDED", "COMPLETING")
    for index, host in enumerate(hosts):
        jobs.add(
            Run(
                found["job_id"],
                host,
                times["start"],
                None if running else times["end"],
                min(65_535, each + (index < more)),
                found["owner"],
                "" if running else state,
                None if running else found["exit_code"],
                None if running else _wanted(found, state),
                times["submit"],
                times["eligible"],
                found["excluded"],
            )
        )
