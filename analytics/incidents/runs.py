"""Stage 2 on one root: the times in which an incident is open, from its items in their order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from clusterctl.analytics.incidents.evidence import Closing, Restart, Rules
from clusterctl.analytics.incidents.items import Item, Part
from clusterctl.analytics.incidents.service import Out
from clusterctl.clock import MS_PER_MINUTE

NODE = "node "
"""What the name of a root begins with that is a node."""
FOREVER = 1 << 62
SETTLE_MS = 60 * MS_PER_MINUTE
"""A node that came up anew has to stay quiet so long: what comes in that time is the same trouble going on."""
BACK, QUIET, RESET, OPERATOR, GIVEN_UP = "back_in_service", "quiet", "reset", "operator", "given_up"


@dataclass(slots=True)
class Run:
    """Items of one root while its incident is open."""

    root: str
    items: list[Item] = field(default_factory=list)
    last_ms: int = 0
    outs: list[Out] = field(default_factory=list)
    closes_ms: int = 0
    closed_by: str = QUIET

    def add(self, item: Item) -> None:
        """Take one more item, in their order."""
        self.last_ms = max(self.last_ms, item.last_ms) if self.items else item.last_ms
        self.items.append(item)
        if item.out:
            self.outs.append(item.out)

    @property
    def opens_ms(self) -> int:
        """When it opened."""
        return self.items[0].at_ms


class Ends:
    """What may end an incident beside the state of its node: restarts and operators' words, by root."""

    def __init__(self, restarts: Iterable[Restart], closings: Iterable[Closing]) -> None:
        self._restarts = _times((NODE + restart.node, restart.at_ms) for restart in set(restarts))
        self._closings = _times((closing.root, closing.at_ms) for closing in set(closings))

    def closing_after(self, root: str, since_ms: int) -> int:
        """When an operator closed it, after its last signal: a word said while it went on closes nothing."""
        return _next(self._closings.get(root, ()), since_ms)

    def restart_after(self, root: str, since_ms: int) -> int:
        """When a node that came up anew after a moment has stayed quiet for long enough."""
        return _next(self._restarts.get(root, ()), since_ms) + SETTLE_MS


def _times(pairs: Iterable[tuple[str, int]]) -> Mapping[str, Sequence[int]]:
    found: dict[str, list[int]] = {}
    for name, at_ms in sorted(pairs):
        found.setdefault(name, []).append(at_ms)
    return found


def _next(times: Sequence[int], after_ms: int) -> int:
    place = bisect_right(times, after_ms)
    return times[place] if place < len(times) else FOREVER


def runs_of(root: str, items: Sequence[Item], ends: Ends, rules: Rules, opening: Set[int] = frozenset()) -> list[Run]:
    """Runs of one root. `items` are in their order; what opens nothing and finds nothing open is in no run, but for the
    items whose `id` is in `opening`."""
    found: list[Run] = []
    for item in items:
        current = found[-1] if found else None
        if current and _is_open(current, item.at_ms):
            current.add(item)
        elif item.part is Part.JOINS and id(item) not in opening:
            continue
        else:
            current = Run(root)
            current.add(item)
            found.append(current)
        _close(current, ends, rules)
    return found


def _is_open(run: Run, at_ms: int) -> bool:
    """Equality joins, but for a close that happened: what begins at that moment is new."""
    return at_ms <= run.closes_ms if run.closed_by in (QUIET, RESET, GIVEN_UP) else at_ms < run.closes_ms


def _close(run: Run, ends: Ends, rules: Rules) -> None:
    """When the run closes if nothing more comes: an operator's word first; a node that went out of service when it is
    back; else what comes first, a restart after the last signal or the quiet time."""
    last_ms, outs = run.last_ms, run.outs
    if outs:
        back_ms = max(FOREVER if out.back_ms is None else out.back_ms for out in outs)
        given_up_ms = max(last_ms, *(out.at_ms for out in outs)) + rules.longest_ms
        run.closes_ms, run.closed_by = min((back_ms, BACK), (given_up_ms, GIVEN_UP))
        if back_ms < FOREVER and last_ms > back_ms:
            run.closes_ms = last_ms
    elif silent_ms := _silent_until(run):
        run.closes_ms, run.closed_by = silent_ms + SETTLE_MS, QUIET
    else:
        quiet_ms = (last_ms + rules.quiet_ms, QUIET)
        run.closes_ms, run.closed_by = min((ends.restart_after(run.root, last_ms), RESET), quiet_ms)
    said_ms = ends.closing_after(run.root, last_ms)
    if said_ms < run.closes_ms:
        run.closes_ms, run.closed_by = said_ms, OPERATOR


def _silent_until(run: Run) -> int:
    """When the last silence ended, where silences that are over are all there is; else 0. A node that speaks again, and says
    nothing of a failure, has none that could be open for another day."""
    gaps = [item.gap for item in run.items if item.gap and item.gap.ended]
    return max(gap.last_ms for gap in gaps) if gaps and len(gaps) == len(run.items) else 0
