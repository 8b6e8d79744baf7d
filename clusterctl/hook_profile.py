"""PyTorch's profiler over a few steps now and then, inside a training job, so that its communication is measured always.

This file stands alone, as `hook.py` does: the standard library, Python 3.8 or newer. `hook_capture.py` and `hook_reduce.py`
belong beside it. Nothing here raises or prints; what fails turns the schedule off, with its reason. PyTorch is never
imported: a job that uses it has loaded it. `docs/job-hook.md` says how to use it, what it costs and what it does not see.

Which steps: those from a multiple of `every`, by the number of the job's step. So all ranks profile the same steps without
asking each other, exactly, which clocks cannot give: waiting is told from transfer only in calls that several ranks saw.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import math
import operator
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

LEARN_STEPS = 8
"""No window before so many steps: the first ones compile and warm caches."""
FIRST_EVERY = 64
"""With `every_s` the first window begins at a multiple of this, before the time of a step is known to all ranks alike."""
AFTER_STEPS = 8
"""Steps whose time is taken after a window, before the trace is handed on: the process that reads it would slow them."""
OUTSIDE_STEPS = 32
MAX_PERIOD_S = 86_400.0
"""A profile that is too dear even once a day is not made."""
FREE_BYTES = 2 << 30
MAX_CHILDREN = 4
"""One that reads, and others that are about to find that it does."""
MAX_TRACE_BYTES = 1 << 30

_LOCAL_RANKS = ("LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_NTASKS_PER_NODE")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_FAILS = (ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, ImportError, LookupError, MemoryError,
          NameError, OSError, ReferenceError, RuntimeError, StopIteration, SystemError, TypeError, ValueError,
          Warning)  # fmt: skip
"""All errors but the job's own: foreign code raises what it likes, a CUDA error is a RuntimeError, and with `-W error` a
warning is one. An interrupt, or what a signal handler of the job raises beyond these, goes through."""


class Schedule:
    """Which steps begin a window. Periods of one job differ by powers of two only, so that a rank that came to a longer one
    profiles a part of the steps of the others, and never steps of its own."""

    def __init__(self, every_s: float, every_steps: int | None, max_overhead: float, least: int) -> None:
        if every_steps is not None and every_steps < least:
            raise ValueError(f"every_steps is less than {least}, two windows")
        self._least = 1 << (least - 1).bit_length()
        self.every = every_steps or max(FIRST_EVERY, self._least)
        self._every_s, self._every_steps, self._max_overhead = every_s, every_steps, max_overhead

    def due(self, next_step: int, seen_steps: int) -> bool:
        """Whether the step that comes now begins a window."""
        return seen_steps >= LEARN_STEPS and next_step % self.every == 0

    def settle(self, cost_s: float, step_s: float) -> bool:
        """Choose the period from what one window costs and a step lasts. False if no period up to a day is worth it."""
        every = self._every_steps or self._wanted(step_s)
        while cost_s > self._max_overhead * every * step_s:
            every *= 2
            if every * step_s > MAX_PERIOD_S:
                return False
        self.every = every
        return True

    def _wanted(self, step_s: float) -> int:
        """The power of two nearest to `every_s`; the last one as long as it is near, as times of steps waver."""
        exponent = math.log2(max(self._every_s / max(step_s, 1e-6), 1.0))
        last = math.log2(self.every)
        return self.every if abs(exponent - last) < 0.75 else max(self._least, 1 << round(exponent))


class Window:
    """One window: times of steps before, inside and after it, and the time that the profiler held the job up."""

    def __init__(self, first: int, before_s: list[float]) -> None:
        self.first = first
        self.began_ms = time.time_ns() // 1_000_000
        self.ended_ms = self.began_ms
        self.before_s = before_s
        self.inside_s: list[float] = []
        self.after_s: list[float] = []
        self.pause_s = 0.0

    def figures(self, warmup: int, steps: int) -> dict[str, float | int | None]:
        """Medians, in seconds; `overhead_s` is all that the window cost, negative where noise is more than the cost."""
        inside = statistics.median(self.inside_s[warmup:])
        outside = statistics.median(self.before_s + self.after_s)
        return {
            "step_inside_s": inside,
            "step_outside_s": outside,
            "step_before_s": statistics.median(self.before_s),
            "step_after_s": statistics.median(self.after_s) if self.after_s else None,
            "steps_before": len(self.before_s),
            "steps_after": len(self.after_s),
            "overhead_ratio": inside / outside - 1 if outside else None,
            "pause_s": self.pause_s,
            "overhead_s": (inside - outside) * (warmup + steps) + self.pause_s,
        }


class Profile:
    """See `hook.profile`. `every` is the period in steps, `off` the reason why it does nothing any more, `counts` what became
    of the windows."""

    def __init__(
        self,
        into: str | os.PathLike[str],
        *,
        every_s: float = 1800.0,
        every_steps: int | None = None,
        steps: int = 3,
        warmup: int = 1,
        max_overhead: float = 0.01,
        max_trace_bytes: int = MAX_TRACE_BYTES,
        job_id: str = "-",
        rank: str | int = 0,
        mark: Callable[[int | None], object] | None = None,
    ) -> None:
        self.off = ""
        self.counts: Counter[str] = Counter()
        self._mark, self._pid, self._lock = mark, os.getpid(), threading.Lock()
        self._seen, self._number, self._left_s = 0, 0, 0.0
        self._outside_s: deque[float] = deque(maxlen=OUTSIDE_STEPS)
        self._capture: Any = None
        self._others: Any = None
        self._window: Window | None = None
        self._children: list[subprocess.Popen[bytes]] = []
        self._alone = False
        try:
            self._steps, self._warmup, self._max_trace_bytes = max(1, int(steps)), max(0, int(warmup)), max_trace_bytes
            self._schedule = Schedule(
                float(every_s), every_steps, float(max_overhead), 2 * (self._steps + self._warmup)
            )
            self._into = os.path.abspath(os.fspath(into))
            self._work = os.path.join(self._into, f".work-{_safe(socket.gethostname())}-{os.getuid()}")
            self._stem = f"{_safe(job_id)}.rank{int(rank)}."
            self._about = {"job_id": job_id, "rank": int(rank), "host": socket.gethostname(), "local_ranks": _local()}
            atexit.register(self.close)
        except _FAILS as error:
            self.off = _told(error)

    @property
    def every(self) -> int:
        """Steps from one window to the next, as far as is known now."""
        return 0 if self.off else self._schedule.every

    def step(self, number: int | None = None) -> None:
        """An optimiser step has ended; `number` is the job's, which goes on across restarts. Without numbers, steps of this
        process are counted, and every rank must have started at the same one."""
        entered_s = time.perf_counter()
        if self._mark is not None:
            self._mark(number)
        if self.off or os.getpid() != self._pid or not self._lock.acquire(blocking=False):
            return
        try:
            self._number = self._number + 1 if number is None else operator.index(number)
            self._seen += 1
            if self._others is None and "torch" in sys.modules:
                self._others = _beside("hook_capture").Others(sys.modules["torch"], self._yield)
            if self._left_s:
                self._took(entered_s - self._left_s)
            if self._capture is None and self._schedule.due(self._number + 1, self._seen):
                self._begin(self._number + 1)
            self._left_s = time.perf_counter()
            if self._capture is not None and self._window is not None:
                self._window.pause_s += self._left_s - entered_s
        except _FAILS as error:
            self._fail(_told(error))
        finally:
            self._lock.release()

    def cancel(self) -> None:
        """Drop a window that is open: call it before what is no step, an evaluation or a checkpoint, so that no trace of it
        grows. The next step's time is not taken either."""
        if self.off or os.getpid() != self._pid:
            return
        self._left_s = 0.0
        if self._capture is not None:
            self._count("cancelled")
            self._drop()

    def close(self) -> None:
        """The job ends: what was measured is handed on, an open window is dropped."""
        self.cancel()
        if self._window is not None and not self.off and os.getpid() == self._pid:
            try:
                self._hand_on()
            except _FAILS as error:
                self._fail(_told(error))
        for child in self._children:
            if child.poll() is None:
                child.returncode = 0  # it outlives this process; the interpreter need not warn of that

    def __enter__(self) -> Profile:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _yield(self) -> None:
        """A profiler of the job's own begins."""
        if self._capture is not None and os.getpid() == self._pid:
            self._count("another profiler ran")
            self._drop()

    def _count(self, what: str) -> None:
        self.counts[what] += 1

    def _took(self, step_s: float) -> None:
        """A step has lasted so long."""
        window, capture = self._window, self._capture
        if window is None:
            if self._seen > 3:
                self._outside_s.append(step_s)
        elif capture is None:
            window.after_s.append(step_s)
            if len(window.after_s) == AFTER_STEPS:
                self._hand_on()
        else:
            window.inside_s.append(step_s)
            began_s = time.perf_counter()
            capture.step()
            if len(window.inside_s) == self._warmup + self._steps:
                self._end(capture, window)
                window.pause_s += time.perf_counter() - began_s

    def _begin(self, first: int) -> None:
        if self._window is not None:  # a short period: the steps after the last window end here
            self._hand_on()
        torch = sys.modules.get("torch")
        if torch is None:
            raise ImportError("PyTorch is not loaded in this process")
        self._folder()
        if self._others.are_there():
            self._count("another profiler ran")
        elif shutil.disk_usage(self._work).free < self._max_trace_bytes + FREE_BYTES:
            self._count("no space for a trace")
        elif self._is_behind():
            self._count("the last trace is not read yet")
            self._start_reducer()
        elif self._outside_s:
            self._window = Window(first, list(self._outside_s))
            self._capture = _beside("hook_capture").Capture(torch, self._others, first, self._warmup, self._steps)

    def _end(self, capture: Any, window: Window) -> None:
        """The last step of the window has ended."""
        window.ended_ms = time.time_ns() // 1_000_000
        path = self._path(window, ".pt.trace.json")
        capture.save(path)
        self._capture = None
        capture.end()
        if os.path.getsize(path) > self._max_trace_bytes:
            raise ValueError(f"a trace of {os.path.getsize(path)} bytes: more than max_trace_bytes")
        self._count("profiled")

    def _hand_on(self) -> None:
        """Say beside the trace what it is of, and start who reads it."""
        window, self._window = self._window, None
        if window is None:
            return
        figures = window.figures(self._warmup, self._steps)
        cost_s, step_s = figures["overhead_s"] or 0.0, figures["step_outside_s"] or 0.0
        worth = self._schedule.settle(cost_s, step_s)
        period_s = self._schedule.every * step_s
        self._outside_s.extend(window.after_s)
        self._tell(
            window,
            {
                **figures,
                "every_steps": self._schedule.every,
                "period_s": period_s,
                "amortised_ratio": cost_s / period_s if period_s else None,
                "error": "",
            },
        )
        if not worth:
            self.off = "too dear: a window would cost more than max_overhead even once a day"

    def _tell(self, window: Window, more: dict[str, Any]) -> None:
        about = {
            **self._about, "torch": str(getattr(sys.modules.get("torch"), "__version__", "")),
            "first_step": window.first + self._warmup, "steps": self._steps, "warmup": self._warmup,
            "began_ms": window.began_ms, "ended_ms": window.ended_ms, "counts": dict(self.counts), **more,
        }  # fmt: skip
        path = self._path(window, ".meta.json")
        with open(path + ".tmp", "w", encoding="utf-8") as file:
            json.dump(about, file)
        os.replace(path + ".tmp", path)
        self._start_reducer()

    def _path(self, window: Window, suffix: str) -> str:
        return os.path.join(self._work, f"{self._stem}step{window.first + self._warmup}{suffix}")

    def _drop(self) -> None:
        """End the window that is open, and leave nothing of it."""
        capture, self._capture = self._capture, None
        window, self._window = self._window, None
        try:
            if capture is not None:
                capture.end()
        except _FAILS as error:
            self.off = self.off or _told(error)
        if window is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path(window, ".pt.trace.json"))

    def _fail(self, reason: str) -> None:
        """Nothing is profiled any more; a summary without figures says why, if that can be written."""
        self.off = reason
        self._count("failed")
        window = self._window or Window(self._number, [])
        self._drop()
        try:
            self._folder()
            self._tell(window, {"error": reason})
        except _FAILS:
            self._count("the reason could not be written")

    def _start_reducer(self) -> None:
        if any(child.poll() for child in self._children):
            self._alone = True  # clusterctl cannot be started from here after all
        self._children = [child for child in self._children if child.poll() is None]
        if len(self._children) < MAX_CHILDREN:
            started = _beside("hook_reduce").start(self._work, self._into, alone=self._alone)
            self._children += [started] if started is not None else []

    def _is_behind(self) -> bool:
        """Whether the last trace still waits: a rank never has two. What a process before this one did not hand on goes."""
        names = [name for name in os.listdir(self._work) if name.startswith(self._stem)]
        if any(".meta.json" in name and not name.endswith(".tmp") for name in names):
            return True
        for name in names:
            os.unlink(os.path.join(self._work, name))
        return False

    def _folder(self) -> None:
        os.makedirs(self._work, mode=0o700, exist_ok=True)
        found = os.lstat(self._work)
        if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
            raise PermissionError(f"{self._work} is not a folder of ours alone")


def _beside(name: str) -> Any:
    return importlib.import_module(f"{__package__}.{name}" if __package__ else name)


def _safe(text: str) -> str:
    return _UNSAFE.sub("_", text)[:80]


def _local() -> int:
    """Ranks of this job on this node, as its launcher says; 1 if it does not."""
    told = (os.environ.get(name, "") for name in _LOCAL_RANKS)
    return next((int(text) for text in told if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 1024), 1)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
