"""The kernel log as a stream of event rows: opened and opened again, coalesced, and exactly once across kills."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from clusterctl.agent.kmsg.boottime import BootTime
from clusterctl.agent.kmsg.device import LogSource, open_source
from clusterctl.agent.kmsg.events import Coalescer
from clusterctl.agent.kmsg.line import LogLine
from clusterctl.agent.kmsg.nvidia import parse_neighbour
from clusterctl.agent.kmsg.state import State, StateFile
from clusterctl.clock import Clock

SOURCE = "kmsg"
RETRY_S = 60.0
IDLE_S = 1.0
COMMIT_EVERY_S = 0.25
PLACE_EVERY_S = 2.0
"""Without rows only the place has moved: what a kill makes it read again has not been handed on."""
MAX_ROWS = 4_000
"""So many rows wait for the next commit; then reading waits too."""
MAX_UUIDS = 256


class LogFollower:
    """Reads the log at `path`, None for none, and hands event rows to `put`, each after `resolve`.

    `run` belongs to one thread; the properties may be read from any."""

    def __init__(
        self,
        path: Path | None,
        state_file: Path,
        clock: Clock,
        boot_id: str,
        *,
        any_facility: bool,
        put: Callable[[list[msgspec.Struct]], None],
        resolve: Callable[[msgspec.Struct], msgspec.Struct],
    ) -> None:
        self._path = path
        self._file = StateFile(state_file)
        self._clock = clock
        self._boot_id = boot_id
        self._any_facility = any_facility
        self._put = put
        self._resolve = resolve
        self._source: LogSource | None = None
        self._blind = "" if path else "off_by_configuration"
        self._lost_before = 0
        self._again: list[msgspec.Struct] = []
        """Rows that a kill may have kept from `put`."""
        self._rows: list[msgspec.Struct] = []
        self._changed = False
        self._committed_s = self._retry_s = float("-inf")
        self._coalescer = Coalescer(SOURCE)
        self._position: dict[str, int] = {}
        self._uuids: dict[str, str] = {}
        self._boot = BootTime(clock)
        if path is not None:
            self._restore(self._file.load())

    @property
    def lost(self) -> int:
        """Records that were overwritten before they were read, since this process began."""
        source = self._source
        return self._lost_before + (source.lost if source else 0)

    @property
    def blind(self) -> str:
        """Why nothing can be read, words joined by _; empty if it can."""
        return self._blind

    def uuid_of(self, pci: str) -> str:
        """The GPU at an address as the log names it, empty if it has not; for when NVML is dead."""
        return self._uuids.get(pci, "")

    def run(self, stop: threading.Event) -> None:
        """Until stopped. What is held then goes out."""
        if self._path is None:
            return
        try:
            while not stop.is_set():
                wait_s = min(IDLE_S, max(0.0, self._due_s()))
                if self._source is None and not self._open():
                    stop.wait(min(wait_s, RETRY_S))
                    wait_s = 0.0
                self.step(wait_s)
        finally:
            self._close()
        self._rows += self._coalescer.flush()
        self._changed = True
        self._commit()

    def step(self, wait_s: float = 0.0) -> None:
        """One turn: read for up to `wait_s`, count, and hand on what is due."""
        self._repeat()
        source = self._source
        if source is not None and len(self._rows) < MAX_ROWS:
            try:
                lines = source.read(wait_s)
            except OSError as error:
                self._close(_words(error))
                self._retry_s = self._clock.monotonic_s() + RETRY_S
                return
            self._take(source, lines)
        elif self._rows:
            self._clock.sleep_s(wait_s)
        self._rows += self._coalescer.flush(self._clock.now_ms())
        if self._due_s() <= 0:
            self._commit()

    def _take(self, source: LogSource, lines: list[LogLine]) -> None:
        position = source.position()
        if position != self._position:
            self._position = position
            self._changed = True
        for line in lines:
            if "NVRM: GPU at " in line.text:
                self._learn(line.text)
        self._rows += self._coalescer.take(lines)

    def _learn(self, text: str) -> None:
        found = parse_neighbour(text)
        if (
            found is not None
            and "gpu_uuid" in found.fields
            and (found.pci in self._uuids or len(self._uuids) < MAX_UUIDS)
        ):
            self._uuids[found.pci] = found.fields["gpu_uuid"]

    def _due_s(self) -> float:
        """Seconds until the next commit."""
        if not (self._rows or self._changed):
            return IDLE_S
        every_s = COMMIT_EVERY_S if self._rows else PLACE_EVERY_S
        return self._committed_s + every_s - self._clock.monotonic_s()

    def _repeat(self) -> None:
        """Hand on what a kill may have cut short; before anything else is written down."""
        again, self._again = self._again, []
        if again:
            self._put(again)

    def _commit(self) -> None:
        """Write down, then hand on: after a kill between the two the same rows are handed on again."""
        self._repeat()
        rows = [self._resolve(row) for row in self._rows]
        self._file.save(
            State(
                self._boot_id,
                str(self._path),
                self._position,
                self._boot.ms(),
                self._coalescer.saved(),
                rows,
                dict(self._uuids),
            )
        )
        self._rows = []
        self._changed = False
        self._committed_s = self._clock.monotonic_s()
        if rows:
            self._put(rows)

    def _restore(self, state: State | None) -> None:
        if state is None or state.path != str(self._path):
            return
        if state.boot_id == self._boot_id:
            self._position = state.position
            self._coalescer = Coalescer(SOURCE, state.coalescer)
            self._uuids = state.uuids
            self._boot = BootTime(self._clock, state.boot_ms)
            self._again = state.rows
            return
        # another boot: a device begins anew, a file goes on; repeats that were held have never been handed on
        self._position = {name: value for name, value in state.position.items() if name != "seq"}
        self._rows = Coalescer(SOURCE, state.coalescer).flush()

    def _open(self) -> bool:
        """Whether it is open now. A failure is not tried again before `RETRY_S`."""
        now_s = self._clock.monotonic_s()
        if self._path is None or now_s < self._retry_s:
            return False
        self._retry_s = now_s + RETRY_S
        try:
            self._source = open_source(
                self._path, self._clock, self._position, any_facility=self._any_facility, boot=self._boot
            )
        except OSError as error:
            self._blind = _words(error)
            return False
        self._blind = ""
        self._retry_s = float("-inf")
        return True

    def _close(self, why: str = "") -> None:
        """Until the next `_open`; with a reason, the log is blind until then."""
        source, self._source = self._source, None
        if source is not None:
            self._lost_before += source.lost
            source.close()
        self._blind = why


def _words(error: OSError) -> str:
    return (error.strerror or "unreadable").lower().replace(" ", "_").replace(",", "")
