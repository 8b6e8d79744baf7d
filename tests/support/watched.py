"""A folder that is watched, with a clock and a way out of the test's own; and traces of two ranks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from clusterctl.communication.watch import watcher
from clusterctl.communication.watch.errand import Answer, Errand
from clusterctl.communication.watch.memory import Memory
from clusterctl.communication.watch.reader import Reader
from clusterctl.communication.watch.watcher import Outcome, Sent, Watcher, Wishes
from tests.support.clock import HandClock
from tests.support.traces import GEMM, collective, kineto, work

MS = 1_000_000
KEY = ("job_id", "source", "ts", "scope", "rank")


class Site:
    """A folder that is watched with a clock of our own; files are read in this process."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.data = tmp_path / "traces", tmp_path / "data"
        self.root.mkdir()
        self.clock = HandClock(time.time_ns() // MS)
        self.rows: list[Mapping[str, Any]] = []
        self.room, self.untimely, self.wrong = True, 0, -1
        self.said: list[str] = []
        self.errands: list[Errand] = []
        self.memory: Memory | None = None
        monkeypatch.setattr(watcher, "ask", self.ask)
        self.start()

    def ask(self, errand: Errand, _stop: threading.Event) -> Answer:
        self.errands.append(errand)
        return Reader(errand).answer()

    def start(self, **wishes: Any) -> None:
        """As after a restart."""
        if self.memory is not None:
            self.memory.close()
        self.memory = Memory(self.data, self.root)
        self.watcher = Watcher(self.root, Wishes(**wishes), self.send, self.memory, self.clock, self.said.append)

    def send(self, rows: Sequence[Mapping[str, Any]]) -> Sent | None:
        if not self.room:
            self.watcher.stop.set()  # or it would wait
            return None
        self.rows += rows
        return Sent(len(rows), self.untimely, [(self.wrong, "no row")] if self.wrong >= 0 else [])

    def look(self, after_s: float = 30.0) -> Outcome:
        self.clock.sleep_s(after_s)
        self.errands.clear()
        return self.watcher.look()

    def taken(self) -> list[Mapping[str, Any]]:
        taken, self.rows = self.rows, []
        return taken

    def write(self, name: str, text: str, *, at_s: float = 0.0) -> Path:
        """A file written now, or `at_s` later by its own time."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        ns = int((self.clock.now_ms() / 1_000 + at_s) * 1e9)
        os.utime(path, ns=(ns, ns))
        return path


def trace(rank: int, *, late: int = 0) -> str:
    """Nanoseconds: compute until 400, communication from 400 + late until 600: the later, the less it waited."""
    return kineto(
        [work(GEMM, 0, 400), collective(400 + late, 600, sequence=1)], steps=[(1, 0, 1_000)], rank=rank, world=2
    )


def scopes(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    return [(row["scope"], row["rank"], row["ranks"]) for row in rows]
