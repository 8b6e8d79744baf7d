"""Marks from inside a training job: steps, saves and loads of its state. One datagram a mark to the node's agent.

This file stands alone: the standard library, Python 3.8 or newer, nothing else of this package. It can be copied into any
training environment. A mark never raises, blocks or prints; without an agent it is dropped and counted.
`docs/job-hook.md` describes the datagram, for other languages.
"""

from __future__ import annotations

import atexit
import importlib
import operator
import os
import re
import socket
import stat
import threading
import time
from types import TracebackType
from typing import Any

DEFAULT_SOCKET = "/run/clusterctl/hook.sock"
MAX_JOB_ID_CHARS = 200
RANK_BITS = 20
RETRY_NS = 1_000_000_000
"""After a failure the agent is looked for at most this often."""

KINDS = ("step", "first_step", "run_begin", "checkpoint_begin", "checkpoint_end", "checkpoint_durable", "checkpoint_failed",
         "restore_begin", "restore_end", "data_begin", "data_end")  # fmt: skip
"""An agent that is older than this file refuses and counts the kinds that it does not know."""

JOB_VARIABLES = ("CLUSTERCTL_JOB_ID", "SLURM_JOB_ID", "SLURM_JOBID", "POD_UID", "PBS_JOBID", "LSB_JOBID", "JOB_NAME",
                 "TORCHELASTIC_RUN_ID")  # fmt: skip
RANK_VARIABLES = ("RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
"""Global ranks. The launcher nearest to the process comes first: under `srun torchrun` SLURM_PROCID numbers nodes."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._:+@/\[\]-]")
_SEND_FLAGS = getattr(socket, "MSG_NOSIGNAL", 0)
_AF_UNIX = getattr(socket, "AF_UNIX", None)
_BAD_NUMBER = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError)
"""What a foreign number type may raise when it is asked for its integer; CUDA errors are RuntimeErrors."""


def _number(value: object, bits: int) -> str:
    """The whole number as text, `-` if it is none or out of range."""
    if value is None:
        return "-"
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except _BAD_NUMBER:
        return "-"
    return str(number) if 0 <= number < 1 << bits else "-"


def _job_id(value: object) -> str:
    if not isinstance(value, (str, int)):
        return "-"
    try:
        return _UNSAFE.sub("_", str(value)[:MAX_JOB_ID_CHARS]) or "-"
    except ValueError:  # an integer of thousands of digits
        return "-"


def _job_from_environment() -> str:
    for name in JOB_VARIABLES:
        value = os.environ.get(name, "")
        if value and value != "none":  # TORCHELASTIC_RUN_ID of a launch without --rdzv-id
            return _job_id(value)
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    return _job_id(os.environ.get("HOSTNAME", "")) if in_pod else "-"


def _rank_from_environment() -> str:
    """A process that no launcher numbered is the only one of its job: rank 0."""
    for name in RANK_VARIABLES:
        value = os.environ.get(name, "")
        if value.isascii() and value.isdigit() and len(value) <= 10 and int(value) < 1 << RANK_BITS:
            return str(int(value))
    return "0"


class _Sender:
    """The socket of one process. A forked child makes its own, so nothing here is shared between processes."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.job_id = _job_from_environment()
        self.rank = _rank_from_environment()
        self.dropped = 0
        self._path = os.environ.get("CLUSTERCTL_HOOK_SOCKET") or DEFAULT_SOCKET
        self._lock = threading.RLock()  # reentrant: a signal handler may mark while a mark is under way
        self._socket: socket.socket | None = None
        self._inode = 0
        self._tried_ns = -RETRY_NS
        self._ended = False

    def send(self, data: bytes) -> bool:
        """Hand it to the kernel; False when it was dropped."""
        for _ in range(2):  # an agent that was restarted since the last mark is found at once
            connected = self._socket if self._is_ours() else self._connect()
            if connected is None:
                break
            try:
                connected.send(data, _SEND_FLAGS)
            except BlockingIOError:
                break
            except OSError:
                self.close()
            else:
                return True
        with self._lock:
            self.dropped += 1
        return False

    def _is_ours(self) -> bool:
        """Whether the descriptor still is our socket. A job that closed all descriptors may have opened its own under this
        number, and a mark must never be written there."""
        connected = self._socket
        if connected is None:
            return False
        try:
            found = os.fstat(connected.fileno())
        except (OSError, ValueError):
            return False
        return found.st_ino == self._inode and stat.S_ISSOCK(found.st_mode)

    def _connect(self) -> socket.socket | None:
        with self._lock:
            if self._is_ours():  # another thread was faster
                return self._socket
            now_ns = time.monotonic_ns()
            if _AF_UNIX is None or self._ended or now_ns - self._tried_ns < RETRY_NS:
                return None
            self._tried_ns = now_ns
            self.close()
            try:
                made = socket.socket(_AF_UNIX, socket.SOCK_DGRAM)
            except OSError:
                return None
            try:
                made.setblocking(False)  # the job may have set a default timeout for all its sockets
                made.connect(self._path)
                self._inode = os.fstat(made.fileno()).st_ino
            except (OSError, ValueError):
                made.close()
                return None
            self._socket = made
            return made

    def close(self) -> None:
        """Let go of the socket; of a descriptor that is no longer ours, only of its number."""
        with self._lock:
            known, ours = self._socket, self._is_ours()
            self._socket = None
            if known is not None and ours:
                known.close()
            elif known is not None:
                known.detach()

    def end(self) -> None:
        """At interpreter exit: nothing is opened any more."""
        self._ended = True
        self.close()


_senders: dict[int, _Sender] = {}
"""The sender of this process, under its pid; in a forked child also what it inherited, until its first mark."""


def _first(pid: int) -> _Sender:
    inherited = [number for number in list(_senders) if number != pid]  # a copy: other threads may mark too
    for number in inherited:
        parent = _senders.pop(number, None)
        if parent is not None:
            parent._lock = threading.RLock()  # a thread that does not exist here may have held it
            parent.close()
    if not inherited:
        atexit.register(_at_exit)
    return _senders.setdefault(pid, _Sender())


def _at_exit() -> None:
    sender = _senders.get(os.getpid())
    if sender is not None:
        sender.end()


def mark(
    kind: str,
    step: int | None = None,
    size_bytes: int | None = None,
    *,
    rank: int | None = None,
    job_id: str | None = None,
) -> bool:
    """Mark one of KINDS, now. True if the agent's socket took it.

    Job and rank come from the environment unless given. Give plain integers: asking a tensor on a GPU for its value would
    make the job wait. Never raises, blocks or prints; a mark that is not taken is counted and the count sent later."""
    wall_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
    if not isinstance(kind, str) or kind not in KINDS:
        return False
    pid = os.getpid()
    sender = _senders.get(pid) or _first(pid)
    given = _number(rank, RANK_BITS)
    data = (
        f"CCM1 {kind} {wall_ns} {monotonic_ns} {sender.dropped} {sender.rank if given == '-' else given} "
        f"{_number(step, 64)} {_number(size_bytes, 64)} {sender.job_id if job_id is None else _job_id(job_id)}"
    )
    return sender.send(data.encode("ascii"))


def step(number: int | None = None) -> bool:
    """An optimiser step has ended. Calling it on one rank is enough; on every rank it shows who is late."""
    return mark("step", number)


def first_step(number: int | None = None) -> bool:
    """The first optimiser step of this run has ended: from rack to train, and from fault to progress, ends here."""
    return mark("first_step", number)


def run_begin() -> bool:
    """The program has started, or started again, on all the nodes it needs: repair is over, loading begins."""
    return mark("run_begin")


def checkpoint_begin(step: int | None = None) -> bool:
    """Training stops for a checkpoint."""
    return mark("checkpoint_begin", step)


def checkpoint_end(step: int | None = None, size_bytes: int | None = None) -> bool:
    """Training goes on: the checkpoint is written, or copied to where something else writes it."""
    return mark("checkpoint_end", step, size_bytes)


def checkpoint_durable(step: int | None = None, size_bytes: int | None = None) -> bool:
    """The checkpoint of that step is whole on shared storage: a job on other nodes could load it."""
    return mark("checkpoint_durable", step, size_bytes)


def checkpoint_failed(step: int | None = None) -> bool:
    """The checkpoint of that step will never be usable."""
    return mark("checkpoint_failed", step)


def restore_begin(step: int | None = None) -> bool:
    """Loading a checkpoint begins."""
    return mark("restore_begin", step)


def restore_end(step: int | None = None, size_bytes: int | None = None) -> bool:
    """The checkpoint is loaded and communicators are ready: the next thing is a step."""
    return mark("restore_end", step, size_bytes)


def data_begin(step: int | None = None) -> bool:
    """Training waits for data. Mark waits worth the name, of a second or more, and not each batch."""
    return mark("data_begin", step)


def data_end(step: int | None = None) -> bool:
    """The data is there."""
    return mark("data_end", step)


class checkpoint:
    """`with checkpoint(step) as saved: …; saved.size_bytes = n`. A body that raises is marked as a failed save."""

    def __init__(self, step: int | None, size_bytes: int | None = None) -> None:
        self.step = step
        self.size_bytes = size_bytes

    def __enter__(self) -> checkpoint:
        checkpoint_begin(self.step)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            checkpoint_end(self.step, self.size_bytes)
        else:
            checkpoint_failed(self.step)


class restore:
    """`with restore(step): …`. A body that raises leaves a begin without an end."""

    def __init__(self, step: int | None = None, size_bytes: int | None = None) -> None:
        self.step = step
        self.size_bytes = size_bytes

    def __enter__(self) -> restore:
        restore_begin(self.step)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            restore_end(self.step, self.size_bytes)


def profile(into: str, *, mark_steps: bool = False, **options: Any) -> Any:
    """PyTorch's profiler for a few steps now and then: call `.step(n)` of what this gives after each optimiser step.

    Summaries of the windows, or traces where clusterctl is not installed, are left in the folder `into`, best on the node.
    `mark_steps`: mark each step too. Options: `every_s` (1800) or `every_steps`, `steps` (3), `warmup` (1), `max_overhead`
    (0.01 of the job's time), `max_trace_bytes` (1 GiB), `job_id` and `rank`, else from the environment. Never raises; needs
    `hook_profile.py`, `hook_capture.py` and `hook_reduce.py` beside this file, and without them does nothing but mark."""
    name = f"{__package__}.hook_profile" if __package__ else "hook_profile"
    given = {"job_id": _job_from_environment(), "rank": _rank_from_environment(), **options}
    try:
        return importlib.import_module(name).Profile(into, mark=step if mark_steps else None, **given)
    except (ImportError, TypeError) as error:
        return NoProfile(f"{type(error).__name__}: {error}", mark_steps)


class NoProfile:
    """What `profile` gives when it cannot profile; `off` says why."""

    def __init__(self, off: str, mark_steps: bool) -> None:
        self.off = off
        self.every = 0
        self.counts: dict[str, int] = {}
        self._mark_steps = mark_steps

    def step(self, number: int | None = None) -> None:
        """A step has ended."""
        if self._mark_steps:
            mark("step", number)

    def cancel(self) -> None:
        """There is no window."""

    def close(self) -> None:
        """There is nothing to hand on."""

    def __enter__(self) -> NoProfile:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
