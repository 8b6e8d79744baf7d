"""Looks at a folder again and again: what is new and at rest is read by a child process, its rows are handed over, and what
was done is remembered, in this order. A crash in between sends rows twice, under the same keys."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from clusterctl.clock import MS_PER_S, Clock
from clusterctl.communication.finding import shown
from clusterctl.communication.watch.children import Failed, ask
from clusterctl.communication.watch.errand import Answer, Errand, Fate, Told, Wanted
from clusterctl.communication.watch.looking import PATIENCE, File, Rest, look
from clusterctl.communication.watch.memory import Memory

LOG_EVERY_S = 600.0
"""A log that grows is read on no oftener than this."""
APART_S = 60.0
"""Traces of one folder that were written further apart than this are of different captures."""
TOGETHER = 256
"""Files of one errand."""
NS_PER_S = 1_000_000_000
MAX_GIVEN = 100_000
"""Beginnings of logs' rows that are known to be taken."""
MAX_TOLD = 200
"""Lines of one look that are kept for its result; each is said when it happens."""


class Sent(NamedTuple):
    """What became of rows."""

    rows: int
    untimely: int
    """Too old for the collector, or from the future."""
    wrong: Sequence[tuple[int, str]]
    """Place and reason of those that are no rows of the table."""


Send = Callable[[Sequence[Mapping[str, Any]]], "Sent | None"]
"""Hands rows over; None if there is no room for them now."""


@dataclass(frozen=True)
class Wishes:
    """What a person asks for."""

    job: str = ""
    """Of all files; else the first folder below the watched one names it."""
    layout: str = ""
    settled_s: float = 20.0
    every_s: float = 10.0
    remove: bool = False
    max_bytes: int = 4 << 30
    memory_bytes: int = 4 << 30
    time_s: int = 900
    once: bool = False


class Outcome(msgspec.Struct):
    """Of one look."""

    files: int = 0
    """Below the folder, with names of traces and logs."""
    read: int = 0
    rows: int = 0
    untimely: int = 0
    unsettled: int = 0
    """Still being written."""
    not_ours: int = 0
    bad: list[str] = []
    """Damaged, or of a job that nobody named: file, byte, and what is wrong."""
    full: bool = False
    """Rows were not handed over for want of room: nobody takes them."""


class Watcher:
    """Of one folder. `say` gets a line for a person."""

    def __init__(
        self, root: Path, wishes: Wishes, send: Send, memory: Memory, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self.stop = threading.Event()
        self._root, self._wishes, self._send = Path(os.path.abspath(root)), wishes, send
        self._memory, self._clock = memory, clock
        self._say = say
        self._said: set[str] = set()
        self._given: dict[tuple[Any, ...], tuple[int, int, int]] = {}
        self._present: list[File] = []
        self._rest = Rest(wishes.settled_s, clock)

    def run(self) -> Outcome:
        """Until stopped, or once; the outcome of the last look. Raises InputError if the folder cannot be read."""
        while True:
            outcome = self.look()
            if self._wishes.once or self.stop.wait(self._wishes.every_s):
                return outcome

    def look(self) -> Outcome:
        """Look once, and do what there is to do."""
        view = look(self._root)
        outcome = Outcome(files=len(view.files))
        if not view.whole:
            self._once(f"{self._root}: more files than are looked at; the rest waits until some are gone (--remove)")
        for folder in view.closed:
            self._once(f"{shown(folder)}: cannot be read")
        self._rest.note(view.files)
        self._present = view.files
        settled, unsettled = self._due(view.files, outcome)
        for group in self._rest.groups(settled, unsettled):
            for first in range(0, len(group), TOGETHER):
                self._errand(group[first : first + TOGETHER], outcome)
        for one in unsettled:
            if self._rest.for_s(one) >= LOG_EVERY_S and self._may_be_read(one, outcome):
                self._errand([one], outcome, growing=True)
        self._memory.keep(self._present)
        return outcome

    def _due(self, files: Sequence[File], outcome: Outcome) -> tuple[list[File], list[File]]:
        """New files at rest, and new ones that are not."""
        new = [one for one in files if not self._memory.is_done(one)]
        unsettled = [one for one in new if not self._rest.settled(one)]
        outcome.unsettled = len(unsettled)
        resting = [one for one in new if self._rest.settled(one)]
        return [one for one in resting if self._may_be_read(one, outcome)], unsettled

    def _may_be_read(self, one: File, outcome: Outcome) -> bool:
        """Whether it is time, and not too much: what grows is read on after a while only."""
        done = self._memory.of(one)
        again = done is not None and (done.fate is Fate.LOG or not self._rest.settled(one))
        if done is not None and again and not self._wishes.once:
            waited_ms = self._clock.now_ms() - done.read_ms
            if 0 <= waited_ms < LOG_EVERY_S * MS_PER_S:
                return False
        read = done.offset if done is not None and done.fate is Fate.LOG else 0
        if one.size - read <= self._wishes.max_bytes:
            return True
        self._bad(one, Fate.DAMAGED, f"{shown(one.path)}: {one.size - read:,} bytes, more than --max-bytes", outcome)
        return False

    def _errand(self, files: list[File], outcome: Outcome, *, growing: bool = False) -> None:
        """Have files read together; if that fails, each by itself, so that one does not cost the others."""
        if self.stop.is_set() or outcome.full:
            return
        files = [self._memory.as_sent(one) for one in files]
        answer = ask(self._wanted(files, growing), self.stop)
        if isinstance(answer, Answer):
            self._take(files, answer, outcome)
        elif isinstance(answer, Failed) and (answer.dear or len(files) == 1):
            for one in files:
                self._bad(one, Fate.DAMAGED, f"{shown(one.path)}: {answer.reason}", outcome)
        elif answer is not None:
            for one in files:
                self._errand([one], outcome, growing=growing)

    def _wanted(self, files: Sequence[File], growing: bool) -> Errand:
        wishes = self._wishes
        return Errand(
            files=[self._of(one, growing) for one in sorted(files, key=lambda one: one.path)],
            layout=wishes.layout,
            apart_ns=int(max(APART_S, PATIENCE * wishes.settled_s) * NS_PER_S),
            memory_bytes=wishes.memory_bytes,
            time_s=wishes.time_s,
        )

    def _of(self, one: File, growing: bool) -> Wanted:
        done = self._memory.of(one)
        offset, until_ms = (done.offset, done.until_ms) if done is not None and done.fate is Fate.LOG else (0, 0)
        return Wanted(
            os.fsencode(one.path), one.size, one.mtime_ns, self._job(one), growing, offset, until_ms, one.inode
        )

    def _job(self, one: File) -> str:
        """What was asked for, else the first folder below the watched one; empty where there is none."""
        first, slash, _ = os.path.relpath(one.path, self._root).partition(os.sep)
        return self._wishes.job or (shown(first) if slash else "")

    def _take(self, files: Sequence[File], answer: Answer, outcome: Outcome) -> None:
        """Hand over, then remember. Of logs it is written down before what is on its way, since they grow meanwhile."""
        ordered = sorted(files, key=lambda one: one.path)
        for nth, (number, row) in enumerate(answer.rows):
            if answer.files[number].fate is Fate.LOG:
                self._memory.sending(ordered[number])
                self._apart(row, (ordered[number].inode, ordered[number].size, nth))
        self._memory.keep(self._present)
        sent = self._sent([row for _, row in answer.rows])
        if sent is None:
            outcome.full = True
            return
        wrong = {answer.rows[place][0]: reason for place, reason in sent.wrong}
        for number, (one, told) in enumerate(zip(ordered, answer.files, strict=True)):
            if number in wrong and told.fate is not Fate.DAMAGED:
                told = Told(Fate.DAMAGED, f"{shown(one.path)}: byte 0: {wrong[number]}")
            self._remember(one, told, outcome)
        self._memory.keep(self._present)
        outcome.rows += sent.rows
        outcome.untimely += sent.untimely
        if sent.rows:
            self._say(f"{shown(ordered[0].folder)}: {len(files)} files read, {sent.rows} rows handed over")
        if sent.untimely:
            place = shown(ordered[0].folder)
            self._once(f"{place}: older than collector.late_bound_h: not sent; clusterctl import traces takes it")
        if answer.left_out:
            self._say(f"{shown(ordered[0].path)}: {answer.left_out:,} more rows are left out")

    def _apart(self, row: dict[str, Any], of: tuple[int, int, int]) -> None:
        """Rows of two logs that begin at one moment by chance stay two."""
        if len(self._given) >= MAX_GIVEN:
            self._given.clear()
        while self._given.setdefault(_key(row), of) != of:
            row["ts"] += 1
        row["until"] = max(row["until"], row["ts"])

    def _sent(self, rows: Sequence[Mapping[str, Any]]) -> Sent | None:
        """Waits for room, except of a single look."""
        while (sent := self._send(rows)) is None:
            self._once("the hand-over folder is full: no agent with this data directory takes anything")
            if self._wishes.once or self.stop.wait(self._wishes.every_s):
                return None
        return sent

    def _remember(self, one: File, told: Told, outcome: Outcome) -> None:
        if told.fate in (Fate.DAMAGED, Fate.CLOSED):
            self._bad(one, told.fate, told.line, outcome)
        elif told.fate is Fate.NO_JOB:
            line = f"{shown(one.path)}: of which job? give --job, or put it into a folder named after the job"
            self._bad(one, told.fate, line, outcome)
        else:
            outcome.read += told.fate in (Fate.SENT, Fate.LOG)
            outcome.not_ours += told.fate is Fate.OTHER
            now_ms = self._clock.now_ms()
            self._memory.note(one, told.fate, offset=told.offset, until_ms=told.until_ms, read_ms=now_ms)
            if self._wishes.remove and told.fate is Fate.SENT:
                self._remove(one)

    def _bad(self, one: File, fate: Fate, line: str, outcome: Outcome) -> None:
        """Said now and not tried again, unless it changes."""
        self._memory.note(one, fate, read_ms=self._clock.now_ms())
        self._say(line)
        if len(outcome.bad) < MAX_TOLD:
            outcome.bad.append(line)

    def _remove(self, one: File) -> None:
        """Only what is still the file that was read."""
        try:
            about = os.lstat(one.path)
            if (about.st_size, about.st_mtime_ns, about.st_ino) == one.identity:
                os.unlink(one.path)
        except OSError as error:
            self._once(f"{shown(one.folder)}: what was read cannot be removed: {error.strerror}")

    def _once(self, line: str) -> None:
        if line not in self._said and len(self._said) < MAX_TOLD:
            self._said.add(line)
            self._say(line)


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["job_id"], row["source"], row["rank"], row["ts"]
