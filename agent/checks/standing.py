"""Where a check stands on one subject, and whether that is news."""

from __future__ import annotations

from clusterctl.schema.verdict import State, Verdict

RUNS_TO_BELIEVE = 2
"""A better state is believed when it has come this often in a row, a worse one at once; that something cannot be read is
told when it has come this often."""
BAD = (State.WARN, State.FAIL)


class Standing:
    """One check on one subject."""

    __slots__ = ("_better", "_better_runs", "_runs", "_told_at_s", "_was_ok", "told", "verdict")

    def __init__(self, first: Verdict) -> None:
        self.verdict = first
        """What is believed."""
        self.told: Verdict | None = None
        """What was last told, if anything was: an OK needs no telling before something else was told."""
        self._told_at_s = 0.0
        self._better: State | None = None
        self._better_runs = 0
        self._runs = 1
        self._was_ok = first.state is State.OK

    def take(self, verdict: Verdict) -> None:
        """The verdict of one more run."""
        if verdict.state >= self.verdict.state:
            self._better = None
            self._believe(verdict)
            return
        self._better_runs = self._better_runs + 1 if verdict.state is self._better else 1
        self._better = verdict.state
        if self._better_runs >= RUNS_TO_BELIEVE:
            self._better = None
            self._believe(verdict)
            self._runs = RUNS_TO_BELIEVE

    def _believe(self, verdict: Verdict) -> None:
        self._runs = self._runs + 1 if verdict.state is self.verdict.state else 1
        self.verdict = verdict
        if verdict.state is State.OK:
            self._was_ok = True

    def is_news(self, now_s: float, restate_s: float) -> bool:
        """Whether it should be told now.

        Told is a bad state that is new or asks for another repair; one that fails, every `restate_s`; that what was fine
        or bad can no longer be read; and that what was told is over. What never could be read is no news."""
        state, told = self.verdict.state, self.told
        if state in BAD:
            if told is None or (told.state, told.action) != (state, self.verdict.action):
                return True
            return state is State.FAIL and now_s - self._told_at_s >= restate_s
        if state is State.UNKNOWN and self._runs < RUNS_TO_BELIEVE:
            return False
        if told is None:
            return state is State.UNKNOWN and self._was_ok
        return told.state is not state

    def tell(self, now_s: float) -> None:
        """It has been told."""
        self.told = self.verdict
        self._told_at_s = now_s
