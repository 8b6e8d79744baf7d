"""Node-minutes: what rates are divided by. One row a minute that the agent lived in, with what it could not see."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from clusterctl.clock import MS_PER_MINUTE
from clusterctl.schema import PRESENCE


@dataclass(frozen=True, slots=True)
class Seen:
    """What one tick saw. `gpus_seen` is None when nobody could be asked."""

    gpus_expected: int
    gpus_seen: int | None
    blind: tuple[str, ...]


class MinuteBook:
    """Collects ticks into minutes. Without a scheduler every GPU that answers is taken to be in service."""

    def __init__(self, period_ms: int) -> None:
        self._period_ms = period_ms
        self._minute: int | None = None
        self._first_tick = 0
        self._done = 0
        self._seen = Seen(0, None, ())
        self._lost_before = 0
        self._lost = 0
        self._watching = False
        """Whether a minute has gone by: from then on every minute owes its ticks from its beginning."""

    def resume(
        self, minute_ms: int, first_tick_ms: int, ticks_done: int, log_records_lost: int, seen: Seen, now_ms: int
    ) -> list[msgspec.Struct]:
        """Go on from an earlier run of this boot. If its minute is over, that minute's last row; then the minute that we
        are in counts from its beginning, since what passed while nobody watched is a gap and not a late start."""
        self._minute, self._first_tick, self._done, self._seen = minute_ms, first_tick_ms, ticks_done, seen
        self._lost_before = -log_records_lost  # what this minute had lost already; the new run counts from zero
        self._lost, self._watching = 0, True
        if now_ms // MS_PER_MINUTE * MS_PER_MINUTE == minute_ms:
            return []
        return self.close(minute_ms + MS_PER_MINUTE)

    @property
    def progress(self) -> tuple[int, int, int, int]:
        """Minute, its first tick, the ticks done and the log records lost in it: what `resume` takes."""
        return self._minute or 0, self._first_tick, self._done, self._lost - self._lost_before

    def tick(self, tick_ms: int, seen: Seen, log_records_lost: int) -> list[msgspec.Struct]:
        """Note a tick. The first tick of a minute, and one that sees something else than the tick before, give a
        preliminary row, so that news is readable at once; a new minute gives the final row of the one before. Rows of one
        minute have one key, and the last counts."""
        minute = tick_ms // MS_PER_MINUTE * MS_PER_MINUTE
        finished: list[msgspec.Struct] = []
        news = minute != self._minute or seen != self._seen
        if minute != self._minute:
            finished = self.close(minute)
            behind_ms = (tick_ms - minute) // self._period_ms * self._period_ms if self._watching else 0
            first = tick_ms - behind_ms
            self._minute, self._first_tick, self._done = minute, first, 0
        self._note(seen, log_records_lost)
        return [*finished, self._row(tick_ms + 1)] if news else []

    def _note(self, seen: Seen, log_records_lost: int) -> None:
        self._done += 1
        self._seen = seen
        self._lost = log_records_lost

    def close(self, until_ms: int) -> list[msgspec.Struct]:
        """The row of the minute so far, up to `until_ms`; none if it has no tick."""
        if self._minute is None:
            return []
        row = self._row(until_ms)
        self._minute, self._lost_before, self._watching = None, self._lost, True
        return [row]

    def _row(self, until_ms: int) -> msgspec.Struct:
        end_ms = min((self._minute or 0) + MS_PER_MINUTE, max(until_ms, self._first_tick + 1))
        expected = -((self._first_tick - end_ms) // self._period_ms)
        seen = self._seen
        in_service = 0 if seen.gpus_expected == 0 and seen.gpus_seen is None else seen.gpus_seen
        return PRESENCE.row(
            ts=self._minute,
            gpus_expected=max(seen.gpus_expected, seen.gpus_seen or 0),
            ticks_expected=max(expected, self._done),
            ticks_done=self._done,
            log_records_lost=self._lost - self._lost_before,
            node_state="in_service" if seen.gpus_seen is not None else "unknown",
            blind=",".join(seen.blind),
            gpus_seen=seen.gpus_seen,
            gpus_in_service=in_service,
            gpus_allocated=None,
        )
