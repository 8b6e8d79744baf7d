"""From kernel lines to event rows: parsed, and a storm of equal lines coalesced with its count."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import msgspec

from clusterctl.agent.kmsg.grammar import parse
from clusterctl.agent.kmsg.line import LogLine
from clusterctl.agent.kmsg.parsed import Parsed
from clusterctl.agent.kmsg.row import MAX_TEXT, event_row

__all__ = ["HOLD_MS", "MAX_TEXT", "UNCOUNTED", "Coalescer", "Held", "Saved", "Window", "event_row"]

UNCOUNTED = frozenset({"sxid_detail"})
"""Lines that belong to the one before them."""
ONCE = frozenset({"gpu_uuid", "gpu_serial"})
"""Facts, not happenings: one row for each in a boot, however often they are printed."""
HOLD_MS = 2_000
SWEEP_EVERY_MS = 500
MAX_WINDOWS = 512
"""So many kinds of lines are told apart at a time; process names, which anyone may choose, count as kinds."""
MAX_BUCKETS = 256
MAX_FACTS = 1_024

Key = tuple[str, str, str, str]


class Held(msgspec.Struct):
    """Repeats that have not gone out yet: the first of them, how many, and when the last one was."""

    line: LogLine
    parsed: Parsed
    count: int
    last_ms: int


class Window(msgspec.Struct):
    """One kind of line, whose first went out at `began_ms`."""

    began_ms: int
    held: Held | None = None


class Saved(msgspec.Struct):
    """What a coalescer has to remember across a restart."""

    windows: list[tuple[Key, Window]] = []
    facts: list[Key] = []


def _joint(parsed: Parsed, bucket: Key) -> Parsed:
    """What the lines of a bucket have in common."""
    _, code, pci, _ = bucket
    return msgspec.structs.replace(parsed, code=code, pci=pci, process="", pid=None)


@lru_cache(maxsize=256)
def _remembered(text: str) -> Parsed | None:
    return parse(text)


class Coalescer:
    """The first of equal lines goes out at once; its repeats within `HOLD_MS` go out together, with their count.

    Equal means same kind, code, address and process. With too many processes at a time further ones are counted by kind,
    code and address, and with too many of those by kind: memory is bounded, and every line is in some count."""

    def __init__(self, source: str, saved: Saved | None = None) -> None:
        self._source = source
        self._windows: dict[Key, Window] = dict(saved.windows) if saved else {}
        self._facts: dict[Key, None] = dict.fromkeys(saved.facts) if saved else {}
        self._swept_ms = 0

    @property
    def holding(self) -> bool:
        """Whether something will be due later."""
        return bool(self._windows)

    def saved(self) -> Saved:
        """The state, as the constructor takes it."""
        return Saved(list(self._windows.items()), list(self._facts))

    def take(self, lines: Iterable[LogLine]) -> list[msgspec.Struct]:
        """Rows to send now."""
        rows: list[msgspec.Struct] = []
        windows = self._windows
        for line in lines:
            parsed = _remembered(line.text) if len(line.text) <= MAX_TEXT else parse(line.text)
            if parsed is None or parsed.kind in UNCOUNTED:
                continue
            if parsed.kind in ONCE:
                rows += self._fact(line, parsed)
                continue
            key = (parsed.kind, parsed.code, parsed.pci, parsed.process)
            window = windows.get(key)
            if window is None and len(windows) >= MAX_WINDOWS:
                rows += self._sweep(line.ts_ms)
                room = self._room(key)
                if room is not key:
                    key, parsed = room, _joint(parsed, room)
                    window = windows.get(key)
            if window is None or not -HOLD_MS < line.ts_ms - window.began_ms < HOLD_MS:
                if window is not None:
                    rows += self._release(window)
                windows[key] = Window(line.ts_ms)
                rows.append(event_row(line, parsed, source=self._source))
            elif window.held is None:
                window.held = Held(line, parsed, 1, line.ts_ms)
            else:
                held = window.held
                held.count += 1
                if line.ts_ms > held.last_ms:
                    held.last_ms = line.ts_ms
        return rows

    def _room(self, key: Key) -> Key:
        """The key itself while there is room for another, else that of the bucket that counts its lines."""
        if len(self._windows) < MAX_WINDOWS:
            return key
        kind, code, pci, _ = key
        bucket = (kind, code, pci, "")
        if bucket in self._windows or len(self._windows) < MAX_WINDOWS + MAX_BUCKETS:
            return bucket
        return (kind, "", "", "")

    def _sweep(self, at_ms: int) -> list[msgspec.Struct]:
        """Make room by what has been held long enough; a look now and then, however many lines ask for it."""
        if abs(at_ms - self._swept_ms) < SWEEP_EVERY_MS:
            return []
        self._swept_ms = at_ms
        return self.flush(at_ms)

    def _fact(self, line: LogLine, parsed: Parsed) -> list[msgspec.Struct]:
        key = (parsed.kind, parsed.code, parsed.pci, parsed.fields.get("gpu_uuid") or parsed.fields.get("serial", ""))
        if key in self._facts:
            return []
        while len(self._facts) >= MAX_FACTS:
            del self._facts[next(iter(self._facts))]
        self._facts[key] = None
        return [event_row(line, parsed, source=self._source)]

    def flush(self, now_ms: int | None = None) -> list[msgspec.Struct]:
        """What has been held for `HOLD_MS`; everything when no time is given."""
        due = [
            key
            for key, window in self._windows.items()
            if now_ms is None or not -HOLD_MS < now_ms - window.began_ms < HOLD_MS
        ]
        return [row for key in due for row in self._release(self._windows.pop(key))]

    def _release(self, window: Window) -> list[msgspec.Struct]:
        held = window.held
        if held is None:
            return []
        return [event_row(held.line, held.parsed, source=self._source, last_ms=held.last_ms, count=held.count)]
