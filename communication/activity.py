"""What one GPU did, as columns: every source is turned into this, and every number is computed from it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clusterctl.communication.intervals import Times


class Kind(IntEnum):
    """What a GPU event is. LOCAL and FUSED count as compute and are printed apart."""

    COMPUTE = 0
    COMM = 1
    LOCAL = 2
    FUSED = 3
    MEMORY = 4


@dataclass(frozen=True, slots=True)
class Call:
    """What a collective's launch told of itself. Two launches of equal shape share one."""

    name: str
    group: str
    """Identifies the communicator: its name, and its ranks where they were told."""
    label: str
    size: int | None
    """Ranks of the communicator."""
    message_bytes: int | None
    """By NCCL's convention: of one rank's buffer; of the input for all-gather, of the output for reduce-scatter."""
    p2p: bool = False
    source: str = ""
    """Ranks of sender and receiver, where told."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step's window, as its mark gave it."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Gpu:
    """What the trace tells of the GPU itself."""

    model: str = ""
    sms: int | None = None


@dataclass(frozen=True)
class Activity:
    """One GPU of one trace. Times are nanoseconds on the trace's own clock."""

    path: Path
    source: str
    rank: int | None
    """None where the trace does not tell."""
    device: int | None
    world: int | None
    starts: Times
    ends: Times
    kinds: NDArray[np.int8]
    names: NDArray[np.int32]
    calls: NDArray[np.int32]
    """Index into `call_list`; -1 without."""
    sequences: Times
    """The communicator's number of the call; -1 without."""
    name_list: list[str]
    families: list[str]
    """Of each name; empty for what no rule places."""
    call_list: list[Call]
    steps: list[Step]
    cpu_starts: Times
    cpu_ends: Times
    """Collectives that ran on the CPU: outside of C."""
    blocks: NDArray[np.int32]
    """Thread blocks of communicating kernels; -1 where they are not told, and for all others."""
    gpu: Gpu
    clock_ns: int | None
    """What makes Unix time of the trace's; None where the trace does not tell its date."""
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def where(self, *kinds: Kind) -> NDArray[np.bool_]:
        """Which events are of these kinds."""
        return np.isin(self.kinds, np.array(kinds, dtype=np.int8))
