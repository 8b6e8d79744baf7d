"""The numbers of one rank: lengths of sets of intervals within windows. Definitions: docs/communication.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clusterctl.communication.activity import Activity, Kind
from clusterctl.communication.intervals import Cover, Times, union
from clusterctl.communication.split import RankSplit

SPILL_SHARE = 0.05
"""GPU work outside of all steps beyond this is reported: the host's marks and the GPU's work lie apart."""


@dataclass(frozen=True)
class Covers:
    """What a rank's GPU did, as sets on the time line."""

    comm: Cover
    compute: Cover
    memory: Cover
    fused: Cover
    local: Cover
    wait: Cover | None
    """None where no collective was found on another rank: unknown, which is not zero."""
    cpu: Cover
    comm_or_compute: Cover
    wait_or_compute: Cover | None
    busy: Cover

    @classmethod
    def of(cls, one: Activity, parts: RankSplit) -> Covers:
        """All sets of a rank."""
        comm = _cover(one, Kind.COMM)
        fused, local = _cover(one, Kind.FUSED), _cover(one, Kind.LOCAL)
        compute = union((_cover(one, Kind.COMPUTE), fused, local))
        memory = _cover(one, Kind.MEMORY)
        either = union((comm, compute))
        wait = waiting(one, parts) if parts.any_matched or not comm.length else None
        return cls(
            comm=comm, compute=compute, memory=memory, fused=fused, local=local, wait=wait,
            cpu=Cover.of(one.cpu_starts, one.cpu_ends), comm_or_compute=either,
            wait_or_compute=union((wait, compute)) if wait else None, busy=union((either, memory)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lengths:
    """Nanoseconds, one number a window."""

    window: Times
    compute: Times
    comm: Times
    exposed: Times
    overlap: Times
    memory: Times
    exposed_memory: Times
    idle: Times
    fused: Times
    local: Times
    cpu: Times
    wait: Times | None
    exposed_wait: Times | None


def measure(covers: Covers, starts: Times, ends: Times) -> Lengths:
    """Everything within each window [start, end)."""
    window = ends - starts
    compute, comm = covers.compute.within(starts, ends), covers.comm.within(starts, ends)
    either, busy = covers.comm_or_compute.within(starts, ends), covers.busy.within(starts, ends)
    wait = covers.wait.within(starts, ends) if covers.wait else None
    exposed_wait = covers.wait_or_compute.within(starts, ends) - compute if covers.wait_or_compute else None
    return Lengths(
        window=window, compute=compute, comm=comm, exposed=either - compute, overlap=comm + compute - either,
        memory=covers.memory.within(starts, ends), exposed_memory=busy - either, idle=window - busy,
        fused=covers.fused.within(starts, ends), local=covers.local.within(starts, ends),
        cpu=covers.cpu.within(starts, ends), wait=wait, exposed_wait=exposed_wait,
    )  # fmt: skip


def waiting(one: Activity, parts: RankSplit) -> Cover:
    """The heads of collectives in which the rank waited for a peer."""
    heads = one.ends - parts.transfer
    waited = (parts.transfer >= 0) & (heads > one.starts)
    return Cover.of(one.starts[waited], heads[waited])


def span(one: Activity) -> Cover:
    """From the first GPU start to the last GPU end; nothing without GPU work."""
    if not one.starts.size:
        return Cover.of(one.starts, one.ends)
    return Cover.of(one.starts.min(keepdims=True), one.ends.max(keepdims=True))


def step_windows(one: Activity) -> Cover:
    """All steps together; marks that overlap count once."""
    return Cover.of(*step_bounds(one))


def step_bounds(one: Activity) -> tuple[Times, Times]:
    """Starts and ends of the steps."""
    starts = np.array([step.start for step in one.steps], dtype=np.int64)
    return starts, np.array([step.end for step in one.steps], dtype=np.int64)


def spill(covers: Covers, steps: Cover) -> float:
    """Share of the GPU's busy time that lies in no step."""
    return 1 - covers.busy.shared(steps) / covers.busy.length if covers.busy.length else 0.0


def _cover(one: Activity, kind: Kind) -> Cover:
    mask = one.where(kind)
    return Cover.of(one.starts[mask], one.ends[mask])
