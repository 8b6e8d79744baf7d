"""What collectives are called, how many bytes they move, and what their bandwidth is measured by."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NOT_LETTERS = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a collective's message counts: `traffic` is multiplied by the ranks where `times_ranks`."""

    name: str
    times_ranks: bool = False
    ring: int = 0
    """Bus factor: `ring` (n - 1)/n, or 1 where it is 0."""
    even: bool = True
    """Whether every rank moves the same: else the shortest rank's time bounds the transfer only from below."""
    sized_by_output: bool = False

    def bus_bytes(self, message_bytes: int, ranks: int) -> float:
        """Bytes over the bus, by NCCL's convention: bus bandwidth is this over the time."""
        traffic = message_bytes * (ranks if self.times_ranks else 1)
        return traffic * (self.ring * (ranks - 1) / ranks if self.ring else 1.0)


ALL_REDUCE = Shape("all_reduce", ring=2)
ALL_GATHER = Shape("all_gather", times_ranks=True, ring=1)
REDUCE_SCATTER = Shape("reduce_scatter", times_ranks=True, ring=1, sized_by_output=True)
BROADCAST, REDUCE = Shape("broadcast"), Shape("reduce")
ALL_TO_ALL = Shape("all_to_all", even=False)
SEND, RECV = Shape("send", even=False), Shape("recv", even=False, sized_by_output=True)
SEND_RECV = Shape("send_recv", even=False)
GATHER, SCATTER = Shape("gather", even=False), Shape("scatter", even=False)
BARRIER = Shape("barrier")
_BY_WORD = (
    ("allreduce", ALL_REDUCE),
    ("reducescatter", REDUCE_SCATTER),
    ("allgather", ALL_GATHER),
    ("alltoall", ALL_TO_ALL),
    ("all2all", ALL_TO_ALL),
    ("a2a", ALL_TO_ALL),
    ("dispatch", ALL_TO_ALL),
    ("combine", ALL_TO_ALL),
    ("broadcast", BROADCAST),
    ("sendrecv", SEND_RECV),
    ("scatter", SCATTER),
    ("gather", GATHER),
    ("barrier", BARRIER),
    ("reduce", REDUCE),
    ("send", SEND),
    ("recv", RECV),
)
UNKNOWN = Shape("other", even=False)
_DTYPES = {
    1: "uint8 int8 byte char bool float8e4m3fn float8e5m2 float8e4m3fnuz float8e5m2fnuz fp8e4m3 fp8e5m2 ncclint8 ncclchar"
    " nccluint8 ncclfloat8e4m3 ncclfloat8e5m2 0 1 10 11",
    2: "half float16 bfloat16 short int16 ncclfloat16 ncclhalf ncclbfloat16 6 9",
    4: "float float32 int int32 uint32 ncclfloat32 ncclfloat ncclint32 ncclint nccluint32 2 3 7",
    8: "double float64 long int64 uint64 complexfloat cfloat ncclfloat64 nccldouble ncclint64 nccluint64 4 5 8",
    16: "complexdouble cdouble",
}
_BYTES = {name: size for size, names in _DTYPES.items() for name in names.split()}
SIZE_CLASSES = ((64 << 10, "under 64 KiB"), (1 << 20, "64 KiB to 1 MiB"), (16 << 20, "1 to 16 MiB"),
                (256 << 20, "16 to 256 MiB"))  # fmt: skip


def shape_of(name: str) -> Shape:
    """The collective that a call's or kernel's name says."""
    letters = _NOT_LETTERS.sub("", name.lower())
    return next((shape for word, shape in _BY_WORD if word in letters), UNKNOWN)


def element_bytes(dtype: str) -> int | None:
    """Bytes of an element, by PyTorch's or NCCL's name or NCCL's number of the type; None if unknown."""
    return _BYTES.get(_NOT_LETTERS.sub("", dtype.lower().removeprefix("torch.")))


def size_class(message_bytes: int | None) -> str:
    """A word for how long a message is: short ones are bound by latency, long ones by bandwidth."""
    if message_bytes is None:
        return "unknown size"
    return next((text for limit, text in SIZE_CLASSES if message_bytes < limit), "256 MiB and over")
