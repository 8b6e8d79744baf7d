"""Every tick that an agent did not deliver is counted: the grid between its first and last row against what it says.

Pure functions over the rows of one agent, as a report would read them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from tests.chaos.invariant import Findings

LATE_ROWS = 5
"""On a busy machine the host's own part may miss ticks that the minute counts as served."""


@dataclass(frozen=True, slots=True)
class Tick:
    """What counts of one `host_sample` row."""

    ts_ms: int
    seq: int
    ticks_missed: int
    """Counts from the start of a run; begins with what the run before left open."""
    lost_batches: int


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """One agent's story, read back from the store and the topics."""

    host: str
    period_ms: int
    first_seqs: tuple[int, ...]
    """Number of the first batch of each run but the first: the end of the run before may have cost the tick in hand."""
    ticks: tuple[Tick, ...]
    expected: int
    done: int
    """Sums of `presence`."""
    seqs: dict[str, tuple[int, ...]]
    """Numbers of the batches on each lane's topic."""
    clock_moved: bool = False
    """Then points of the grid come twice or never were, and more may be counted than are missing; never fewer."""


@dataclass(frozen=True, slots=True)
class TickCount:
    """Ticks that were lost, and how many of them were counted."""

    lost: int
    counted: int


def check_ticks(agent: AgentRecord, found: Findings) -> TickCount:
    """An end may hide one tick, and a full disk as many as it cost batches; nothing else may."""
    if not agent.ticks:
        found.words.append(f"{agent.host}: not one tick is stored")
        return TickCount(0, 0)
    times = sorted({tick.ts_ms for tick in agent.ticks})
    grid = (times[-1] - times[0]) // agent.period_ms + 1
    lost, counted, batches = grid - len(times), *_counted(agent)
    ends = len(agent.first_seqs)
    if lost - counted > ends + batches or (counted - lost > ends and not agent.clock_moved):
        found.words.append(
            f"{agent.host}: {lost} of {grid} ticks are not stored, {counted} are counted as missed, with {ends} restarts "
            f"and {batches} batches counted as lost"
        )
    off_grid = [ts for ts in times if (ts - times[0]) % agent.period_ms]
    found.add(f"ticks of {agent.host} lie off the grid", off_grid)
    owed, spare = agent.expected - agent.done, 2 * ends + batches + 1
    # a run that ended before its first host row: the gap before it lies behind the last row, and only the minute tells it
    unseen = bool(agent.first_seqs) and max(tick.seq for tick in agent.ticks) < agent.first_seqs[-1]
    if not agent.clock_moved and not counted - spare - LATE_ROWS <= owed <= (counted + spare if not unseen else owed):
        found.words.append(
            f"{agent.host}: presence counts {owed} lost ticks ({agent.done} of {agent.expected} done), host_sample {counted}"
        )
    for lane, seqs in agent.seqs.items():
        missing = sorted(set(range(max(seqs, default=-1) + 1)) - set(seqs))
        if len(missing) > batches:
            found.lost += found.add(f"batches of {agent.host} are missing on {lane}, {batches} are counted", missing)
    return TickCount(lost, counted)


def _counted(agent: AgentRecord) -> tuple[int, int]:
    """Ticks and batches that the agent itself counted as lost, over all its runs."""
    runs: dict[int, list[Tick]] = {}
    for tick in agent.ticks:
        runs.setdefault(bisect_right(agent.first_seqs, tick.seq), []).append(tick)
    before = min(
        agent.ticks, key=lambda tick: tick.seq
    ).ticks_missed  # ahead of the first row, and so no gap between rows
    missed = sum(max(tick.ticks_missed for tick in run) for run in runs.values()) - before
    return missed, sum(max(tick.lost_batches for tick in run) for run in runs.values())


def check_lines(host: str, written: int, counted: int, batches_lost: int, found: Findings) -> None:
    """Every kernel line is an event, once; with a full disk some may be gone, counted as batches."""
    if counted > written or (counted < written and not batches_lost):
        found.words.append(f"{host}: {written} kernel lines were written, {counted} are counted as events")
