"""The process beside a training job that takes what `hook_profile.py` left: traces become small files, and are deleted.

This file stands alone: the standard library, Python 3.8 or newer. Started alone it packs traces for another reader on the
node; `clusterctl comm summarize` gives `drain` the analysis instead. One process at a time works on a folder; it is of the
lowest priority, the first that the kernel kills when memory is short, and ends itself after `CPU_S`.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

VERSION = 1
"""Of the summary's form."""
SUMMARY, PACKED = ".comm.json", ".pt.trace.json.gz"
META, CLAIMED, TRACE, LOCK = ".meta.json", ".claimed", ".pt.trace.json", "lock"
CPU_S = 1_800
WAIT_S = 30.0
"""The node's other ranks hand their traces on at the same step: so long they are waited for, to be read together."""
ORPHAN_S = 86_400.0
MAX_META_BYTES = 1 << 16
MAX_FILES, MAX_BYTES = 1_000, 1 << 30
"""What lies in the folder of results at most, of this user; the oldest go first."""
CHUNK_BYTES = 1 << 20


class Claim:
    """One window of one rank: what the job said of it, and its trace, if there is one."""

    def __init__(self, path: str, about: dict[str, Any]) -> None:
        self.path = path
        self.about = about
        self.trace: str | None = path[: -len(META)] + TRACE
        if not os.path.exists(self.trace):
            self.trace = None

    def key(self) -> tuple[str, int]:
        """The same for all ranks of one window."""
        return str(self.about.get("job_id")), int(self.about.get("first_step") or 0)


def drain(work: str, into: str, put: Callable[[str, list[Claim]], None], wait_s: float = WAIT_S) -> bool:
    """Give `put` all that waits in `work`, ranks of one window together. False if another process is doing it."""
    while True:
        with _locked(os.path.join(work, LOCK)) as ours:
            if not ours:
                return False
            _clean(work, into)
            while waiting := _waiting(work):
                _take(_together(work, waiting, wait_s), into, put)
        # what came while the lock was held, and whose job saw that it was
        if not any(name.endswith(META) for name in os.listdir(work)):
            return True


@contextlib.contextmanager
def _locked(path: str) -> Iterator[bool]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def _waiting(work: str) -> list[Claim]:
    """What is handed on; what cannot be read is deleted, so that nothing is looked at for ever."""
    found = []
    for name in sorted(os.listdir(work)):
        if name.endswith(META):
            path = os.path.join(work, name)
            claim = _read(path, path)
            if claim is not None:
                found.append(claim)
    return found


def _read(path: str, of: str) -> Claim | None:
    """None for what is no claim, which is deleted."""
    try:
        with open(path, encoding="utf-8") as file:
            claim = Claim(of, dict(json.loads(file.read(MAX_META_BYTES))))
        claim.key()
        for name in ("rank", "local_ranks"):
            int(claim.about.get(name) or 0)
    except (ValueError, TypeError, OverflowError, RecursionError):  # JSON as Python reads it has an Infinity
        os.unlink(path)
        return None
    return claim


def _together(work: str, waiting: list[Claim], wait_s: float) -> list[Claim]:
    """The first window that waits, with all ranks of this node, or those that have come in time."""
    key, until_s = waiting[0].key(), time.monotonic() + wait_s
    while True:
        group = [claim for claim in waiting if claim.key() == key]
        wanted = max(int(claim.about.get("local_ranks") or 1) for claim in group)
        if len(group) >= wanted or group[0].trace is None or time.monotonic() > until_s:
            return group
        time.sleep(0.2)
        waiting = _waiting(work)


def _take(group: list[Claim], into: str, put: Callable[[str, list[Claim]], None]) -> None:
    """Each trace is tried once: one that kills its reader would do so again."""
    for claim in group:
        os.replace(claim.path, claim.path + CLAIMED)
    try:
        put(into, group)
    finally:
        for claim in group:
            _forget(claim)


def _forget(claim: Claim) -> None:
    for path in (claim.trace, claim.path + CLAIMED):
        if path is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def _clean(work: str, into: str) -> None:
    """What a reader left that was killed, and traces of jobs that ended before they handed them on."""
    for name in os.listdir(work):
        path = os.path.join(work, name)
        if name.endswith(META + CLAIMED):
            claim = _read(path, path[: -len(CLAIMED)])
            if claim is not None:
                _forget(claim)
                place(into, summary([claim], None, "the process that read the trace was killed"))
        elif name != LOCK and not name.endswith(META):
            with contextlib.suppress(FileNotFoundError):  # the job has renamed it meanwhile, or it went with its claim
                if time.time() - os.path.getmtime(path) > ORPHAN_S:
                    os.unlink(path)


def summary(group: list[Claim], analysis: Any, error: str) -> dict[str, Any]:
    """What stays of one window: the job's words on each rank, and the analysis of their traces, or why there is none."""
    first = group[0].about
    return {
        "version": VERSION, "kind": "clusterctl comm summary", "job_id": first.get("job_id"), "host": first.get("host"),
        "first_step": first.get("first_step"), "steps": first.get("steps"), "error": error or first.get("error", ""),
        "profiles": [claim.about for claim in group], "analysis": analysis,
    }  # fmt: skip


def place(into: str, made: dict[str, Any]) -> None:
    """Write a summary beside its place and rename it; what had to go for it is counted in it."""
    text = json.dumps(made)
    made["removed"] = make_room(into, len(text))
    rank = min(int(one.get("rank") or 0) for one in made["profiles"])
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in f"{made['job_id']!s:.80}.{made['host']!s:.80}")
    path = os.path.join(into, f"{safe}.rank{rank}.step{made['first_step']}{SUMMARY}")
    with open(_new(path + ".tmp"), "w", encoding="utf-8") as file:
        json.dump(made, file)
    os.replace(path + ".tmp", path)


def _new(path: str) -> int:
    """A file of our own: in a folder that others write into, a link in its place would lead elsewhere."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def make_room(into: str, coming_bytes: int, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES) -> int:
    """Delete the oldest results of this user until one more fits; how many were deleted. Those that a reader of the folder
    has taken are not there any more, and the newest say most of what is the case."""
    with os.scandir(into) as entries:
        found = [(entry.stat(follow_symlinks=False), entry.path) for entry in entries
                 if entry.name.endswith((SUMMARY, PACKED, ".tmp"))]  # fmt: skip
    ours = sorted(((stat.st_mtime_ns, stat.st_size, path) for stat, path in found if stat.st_uid == os.getuid()))
    total, removed = sum(size for _, size, _ in ours), 0
    while ours and (len(ours) >= max_files or total + coming_bytes > max_bytes):
        _, size, path = ours.pop(0)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        total -= size
        removed += 1
    return removed


def pack(into: str, group: list[Claim]) -> None:
    """Without the analysis at hand: the traces themselves, compressed, each with the job's words in it as `clusterctl`."""
    bare = [claim for claim in group if claim.trace is None]
    if bare:
        place(into, summary(bare, None, ""))
    for claim in group:
        if claim.trace is not None:
            name = os.path.basename(claim.trace)[: -len(TRACE)] + PACKED
            path = os.path.join(into, name)
            claim.about["removed"] = make_room(into, os.path.getsize(claim.trace) // 4)
            with open(claim.trace, "rb") as trace, open(_new(path + ".tmp"), "wb") as beside, gzip.open(
                beside, "wb", compresslevel=4
            ) as packed:  # fmt: skip
                _copy(trace, packed, claim.about)
            os.replace(path + ".tmp", path)


def _copy(trace: Any, packed: Any, about: dict[str, Any]) -> None:
    head = trace.read(CHUNK_BYTES)
    opening, brace, rest = head.partition(b"{")
    words = b'"clusterctl": ' + json.dumps(about).encode() + b"," if brace and not opening.strip() else b""
    packed.write(opening + brace + words + rest)
    while part := trace.read(CHUNK_BYTES):
        packed.write(part)


def humble() -> None:
    """Behind everything else on the node; killed before everything else."""
    os.nice(19)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S if hard == resource.RLIM_INFINITY else min(CPU_S, hard), hard))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def start(work: str, into: str, *, alone: bool) -> subprocess.Popen[bytes] | None:
    """Start a process for `work`, if none is there: it lets go of the lock before it looks for the last time, so nothing that
    was written before this call is left. `alone`: only pack. Raises OSError."""
    with _locked(os.path.join(work, LOCK)) as free:
        if not free:
            return None
    whole = [sys.executable, "-m", "clusterctl.cli", "comm", "summarize", work, "--into", into]
    only = [sys.executable, "-I", os.path.abspath(__file__), work, into]
    return subprocess.Popen(
        only if alone or not _is_whole() else whole,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip


def _is_whole() -> bool:
    """Whether all that reads traces is in this environment; none of it is loaded into the job to know."""
    from importlib.util import find_spec

    if __package__ != "clusterctl":
        return False
    return all(find_spec(name) for name in ("clusterctl.communication", "msgspec", "numpy", "typer", "rich"))


if __name__ == "__main__":
    humble()
    drain(sys.argv[1], sys.argv[2], pack)
