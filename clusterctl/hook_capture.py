"""What `hook_profile.py` does with PyTorch's profiler, and how it keeps out of the way of other profilers in the process.

This file stands alone: the standard library, Python 3.8 or newer; PyTorch is given to it. Two profilers at once end the
process: the one that stops last finds no session and its export crashes (PyTorch 2.15). So ours yields.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any


class Others:
    """Profilers of this process that are not ours, from their warm-up on; `yields` is called before one begins."""

    def __init__(self, torch: Any, yields: Callable[[], None]) -> None:
        kind = torch.autograd.profiler.profile
        prepare, leave = kind._prepare_trace, kind.__exit__
        self._open: weakref.WeakSet[Any] = weakref.WeakSet()
        self.ours_begins = False
        self._is_enabled = torch.autograd._profiler_enabled

        def prepared(one: Any, *given: Any, **more: Any) -> Any:
            if not self.ours_begins:
                self._open.add(one)
                yields()
            return prepare(one, *given, **more)

        def left(one: Any, *given: Any) -> Any:
            self._open.discard(one)
            return leave(one, *given)

        kind._prepare_trace, kind.__exit__ = prepared, left

    def are_there(self) -> bool:
        """Whether one is open, or one that began before this looked is recording."""
        return bool(self._open) or bool(self._is_enabled())


class Capture:
    """PyTorch's profiler from one step on. What it raises goes on to the caller."""

    def __init__(self, torch: Any, others: Others, first: int, warmup: int, steps: int) -> None:
        action = torch.profiler.ProfilerAction

        def plan(step: int) -> Any:
            place = max(0, step - first)
            if place < warmup:
                return action.WARMUP
            if place < warmup + steps - 1:
                return action.RECORD
            return action.RECORD_AND_SAVE if place < warmup + steps else action.NONE

        self._is_enabled = torch.autograd._profiler_enabled
        self._before_recording = warmup
        self._lost = False
        self._profiler = torch.profiler.profile(schedule=plan)
        self._profiler.step_num = first  # the job's number of the step is what the trace names it by
        others.ours_begins = True
        try:
            self._profiler.__enter__()
        finally:
            others.ours_begins = False

    def step(self) -> None:
        """A step has ended; after the last one the device is waited for and the profiler stops."""
        if self._before_recording == 0 and not self._is_enabled():
            self._lost = True
            raise RuntimeError("something else in the process has ended the profiler")
        self._before_recording = max(0, self._before_recording - 1)
        self._profiler.step()

    def save(self, path: str) -> None:
        """Write the trace, which is not compressed: that would take the job's time."""
        self._profiler.export_chrome_trace(path)

    def end(self) -> None:
        """Let go of the profiler, wherever it is; of one that has no session any more, without a word to it."""
        if not self._lost:
            self._profiler.__exit__(None, None, None)
