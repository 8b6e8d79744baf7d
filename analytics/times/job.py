"""One training job on the time line: when it held GPUs, and what of that was training."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from clusterctl.analytics.times.saves import Marks, Save, pairs, saves_of
from clusterctl.analytics.times.spans import Span, clipped, common, length_ms, merged, without
from clusterctl.analytics.times.steps import Stretch, kept_steps, useful_until

PRODUCTIVE = "productive"
ITEMS = ("queue", "init", "data_load", "checkpoint", "lost_progress", "other")
"""What a job's own marks tell apart; `other` is the rest: hanging, waiting for repair, what came after the last step."""


@dataclass(frozen=True, slots=True)
class Run:
    """A job on its nodes from start to end. One that goes on ends with the window."""

    since_ms: int
    until_ms: int
    gpus: int
    eligible_ms: int | None = None
    """When it could have started; missing when nobody told."""
    ended: bool = True


@dataclass(frozen=True)
class Job:
    """What is known of one job: its runs in order, its stretches of steps, its other marks. Times within the window."""

    job_id: str
    owner: str
    runs: Sequence[Run]
    stretches: Sequence[Stretch]
    marks: Marks
    others: tuple[str, ...] = ()
    """Ids under which it went on, in order."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All its ids, in order."""
        return (self.job_id, *self.others)

    @property
    def gpus(self) -> int:
        """The most that it held."""
        return max((run.gpus for run in self.runs), default=0)

    @cached_property
    def scheduled(self) -> list[Span]:
        """While it held GPUs."""
        return merged((run.since_ms, run.until_ms) for run in self.runs)

    def queued(self, run: Run) -> list[Span]:
        """While a run could have started and had not; one that is started again waits from the end of the run before. Nobody
        told: then none is known, and none is made up."""
        if run.eligible_ms is None:
            return []
        before_ms = max((other.until_ms for other in self.runs if other.since_ms < run.since_ms), default=0)
        return merged([(max(run.eligible_ms, before_ms), run.since_ms)])

    @cached_property
    def kept(self) -> list[int]:
        """Of each stretch, the last step that was not done again."""
        return kept_steps(self.stretches)

    @cached_property
    def starts(self) -> list[int]:
        """When it is known to have started on its nodes, in order: runs of the scheduler, and its own word."""
        own = [mark.at_ms for kind in ("run_begin", "restore_begin") for mark in self.marks.get(kind, ())]
        return sorted({run.since_ms for run in self.runs} | set(own))

    @cached_property
    def saves(self) -> list[Save]:
        """Its checkpoints."""
        ends = [run.until_ms for run in self.runs if run.ended]
        marked = [marks[-1].at_ms for marks in self.marks.values() if marks]
        steps = [stretch.until_ms for stretch in self.stretches[-1:]]
        return saves_of(self.marks, max([*ends, *marked, *steps], default=0))

    @cached_property
    def restores(self) -> list[Span]:
        """Loads of a checkpoint that came to an end."""
        return pairs(self.marks.get("restore_begin", ()), self.marks.get("restore_end", ()))

    def started_before(self, stretch: int) -> int | None:
        """When the start began that led to this stretch, of several without a step the last; missing where nothing tells."""
        since_ms = self.stretches[stretch].since_ms
        after_ms = self.stretches[stretch - 1].until_ms if stretch else None
        own = ([mark.at_ms for mark in self.marks.get(kind, ())] for kind in ("run_begin", "restore_begin"))
        for starts in ([run.since_ms for run in self.runs], *own):
            at = bisect_right(starts, since_ms)
            if at and (after_ms is None or starts[at - 1] > after_ms):
                return starts[at - 1]
        return None

    @cached_property
    def parts(self) -> Mapping[str, list[Span]]:
        """All its time by what it was, each moment once: PRODUCTIVE and the ITEMS but `queue`."""
        done = [(s.since_ms, useful_until(s, kept)) for s, kept in zip(self.stretches, self.kept, strict=True)]
        useful = common(merged(done), self.scheduled)
        # a save is a save whatever became of it: the one that a job came back to ends after the last step that was kept
        stood = common(merged(blocked for save in self.saves if (blocked := save.blocked)), self.scheduled)
        stepped = common(merged((s.since_ms, s.until_ms) for s in self.stretches), self.scheduled)
        lost = without(stepped, merged([*useful, *stood]))
        waits = pairs(self.marks.get("data_begin", ()), self.marks.get("data_end", ()))
        waited = without(common(waits, useful), stood)
        begun = ((self.started_before(n), s.since_ms) for n, s in enumerate(self.stretches))
        starting = merged((since, until) for since, until in begun if since is not None)
        init = without(common(starting, self.scheduled), merged([*useful, *lost, *stood]))
        told = merged([*useful, *lost, *stood, *init])
        return {
            PRODUCTIVE: without(useful, merged([*stood, *waited])),
            "checkpoint": stood,
            "data_load": waited,
            "lost_progress": lost,
            "init": init,
            "other": without(self.scheduled, told),
        }

    def gpu_ms(self, spans: Sequence[Span]) -> int:
        """GPU time of spans, each moment by the GPUs that were held then."""
        return sum(run.gpus * length_ms(clipped(spans, run.since_ms, run.until_ms)) for run in self.runs)

    @cached_property
    def queue_gpu_ms(self) -> int:
        """GPU time that it waited for and could have had."""
        return sum(run.gpus * length_ms(self.queued(run)) for run in self.runs)
