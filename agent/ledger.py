"""Node-minutes and the gaps between runs: what was watched is written down each tick, and what was not is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from clusterctl.agent.facts import Facts
from clusterctl.agent.presence import MinuteBook, Seen
from clusterctl.agent.schedule import Ticker
from clusterctl.agent.state import LastRun, StateFile
from clusterctl.clock import Clock
from clusterctl.schema import EVENT, PRESENCE, Table

Put = Callable[[Table, Sequence[msgspec.Struct]], None]


class Ledger:
    """Belongs to the tick thread."""

    def __init__(self, state: StateFile, ticker: Ticker, facts: Facts, clock: Clock, put: Put) -> None:
        self._state = state
        self._ticker = ticker
        self._facts = facts
        self._clock = clock
        self._put = put
        self._book = MinuteBook(ticker.period_ms)
        self._gpus_most = 0

    @property
    def gpus_most(self) -> int:
        """The most GPUs that the bus had in an earlier run of this boot."""
        return 0 if self._state.before is None else self._state.before.gpus_on_bus_most

    def take_up(self, seen: Seen) -> None:
        """Count what passed since the run before this one, if that was in this boot."""
        before = self._state.before
        if before is None:
            return
        now_ms = self._clock.now_ms()
        down_ms = now_ms - before.last_tick_ms
        missed = self._ticker.owe_since(before.last_tick_ms)
        if before.minute_ms and now_ms >= before.minute_ms:
            rows = self._book.resume(
                before.minute_ms, before.first_tick_ms, before.ticks_done, before.log_records_lost, seen, now_ms
            )
            self._put(PRESENCE, rows)
        code, fields = "restarted" if before.clean else "crashed", {"down_ms": down_ms, "ticks_missed": missed}
        self._put(EVENT, [self._facts.event("agent", code, "info", fields=fields)])

    def tick(self, tick_ms: int, seen: Seen, log_records_lost: int, gpus_most: int) -> None:
        """This tick has been served."""
        self._gpus_most = gpus_most
        self._put(PRESENCE, self._book.tick(tick_ms, seen, log_records_lost))
        self._ticker.served(tick_ms)
        self._remember(self._book.progress, clean=False)

    def end(self, *, clean: bool) -> None:
        """The last row of this run. `clean` when it was asked to end, not when a part of it failed."""
        progress = self._book.progress
        self._put(PRESENCE, self._book.close(self._clock.now_ms()))
        self._remember(progress, clean=clean)

    def _remember(self, progress: tuple[int, int, int, int], *, clean: bool) -> None:
        self._state.write(LastRun(self._ticker.last_ms, *progress, self._gpus_most, clean))

    def close(self) -> None:
        """Let the file go."""
        self._state.close()
