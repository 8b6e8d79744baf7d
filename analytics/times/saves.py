"""Checkpoints of one job, put together from its marks: how long training stood still, and when the state was safe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clusterctl.analytics.times.spans import Span, merged


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of a job that is no step."""

    at_ms: int
    step: int | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Save:
    """A checkpoint. What is missing was not marked: `durable_ms` of one without is unknown, not equal to its end."""

    begin_ms: int
    step: int | None
    end_ms: int | None
    durable_ms: int | None
    failed_ms: int | None
    size_bytes: int | None
    open: bool = False
    """The job's last one, begun and not over: whether it failed nobody can tell yet."""

    @property
    def failed(self) -> bool:
        """Whether it is marked as failed, or was never finished though the job went on or ended."""
        return self.failed_ms is not None or (self.end_ms is None and not self.open)

    @property
    def blocked(self) -> Span | None:
        """While training stood still; that of a save without an end is unknown."""
        over = self.end_ms if self.end_ms is not None else self.failed_ms
        return None if over is None else (self.begin_ms, over)


Marks = Mapping[str, Sequence[Mark]]
"""By kind, each in the order of time."""


def saves_of(marks: Marks, last_ms: int) -> list[Save]:
    """The checkpoints that a job began, in order. `last_ms` is the last that is known of the job."""
    begins = marks.get("checkpoint_begin", ())
    ends, durable, failed = (_Closing(marks.get(f"checkpoint_{name}", ())) for name in ("end", "durable", "failed"))
    saves = []
    for begin, after in zip(begins, [*begins[1:], None], strict=False):
        until_ms = None if after is None else after.at_ms
        end, safe, lost = (closing.of(begin, until_ms) for closing in (ends, durable, failed))
        sizes = [mark.size_bytes for mark in (end, safe) if mark is not None and mark.size_bytes is not None]
        is_open = after is None and last_ms <= begin.at_ms
        saves.append(
            Save(begin.at_ms, begin.step, _at(end), _at(safe), _at(lost), sizes[0] if sizes else None, is_open)
        )
    return saves


def _at(mark: Mark | None) -> int | None:
    return None if mark is None else mark.at_ms


class _Closing:
    """Marks of one kind that close something. Asked for begins in the order of time."""

    def __init__(self, marks: Sequence[Mark]) -> None:
        self._by_step: dict[int, list[Mark]] = defaultdict(list)
        for mark in marks:
            if mark.step is not None:
                self._by_step[mark.step].append(mark)
        self._marks = marks
        self._next = 0

    def of(self, begin: Mark, until_ms: int | None) -> Mark | None:
        """The mark about the same step, however late: an upload may end after the next save began. Else the next one before
        `until_ms`, if one of the two has no number."""
        if begin.step is not None:
            same = next((mark for mark in self._by_step.get(begin.step, ()) if mark.at_ms >= begin.at_ms), None)
            if same is not None:
                return same
        while self._next < len(self._marks) and self._marks[self._next].at_ms < begin.at_ms:
            self._next += 1
        found = self._marks[self._next] if self._next < len(self._marks) else None
        if found is None or (until_ms is not None and found.at_ms >= until_ms):
            return None
        return found if begin.step is None or found.step is None else None


def pairs(begins: Sequence[Mark], ends: Sequence[Mark]) -> list[Span]:
    """Times between each begin and the end that follows it before the next begin."""
    closing = _Closing([Mark(mark.at_ms) for mark in ends])
    found = []
    for begin, after in zip(begins, [*begins[1:], None], strict=False):
        end = closing.of(Mark(begin.at_ms), None if after is None else after.at_ms)
        if end is not None:
            found.append((begin.at_ms, end.at_ms))
    return merged(found)
