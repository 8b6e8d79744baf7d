"""What the watching process asks of the one that reads, and what that one answers. Knows no NumPy, and no file."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

MAX_ROWS, MAX_ROWS_OF_FILE = 10_000, 1_000
"""Of one errand and of each of its files: a log of ten thousand communicators does not fill the node's way out."""


class Fate(str, Enum):
    """What became of a file."""

    SENT = "sent"
    """Its rows were handed over, or it had none to give."""
    LOG = "log"
    """The same, of a log that is read on when it grows."""
    OTHER = "other"
    """Of no kind that is known."""
    DAMAGED = "damaged"
    NO_JOB = "no_job"
    """Nobody said which job it is of."""
    GROWING = "growing"
    """Not settled, and not of a kind that can be read in pieces; or another file by now."""
    CLOSED = "closed"
    """We may not read it, which its owner can change without a trace in size or time."""


class Wanted(msgspec.Struct, array_like=True):
    """A file to read. `offset` and `until_ms` say where the last reading of a growing log ended."""

    path: bytes
    size: int
    mtime_ns: int
    job: str = ""
    growing: bool = False
    offset: int = 0
    until_ms: int = 0
    inode: int = 0
    """Of the file that was seen; 0 where nobody looked."""


class Errand(msgspec.Struct, array_like=True):
    """Files of one folder that belong together."""

    files: list[Wanted]
    layout: str
    apart_ns: int
    """Traces written further apart than this are not of one capture."""
    memory_bytes: int
    time_s: int


class Told(msgspec.Struct, array_like=True):
    """Of one file, in the order of the errand."""

    fate: Fate
    line: str = ""
    offset: int = 0
    until_ms: int = 0


class Answer(msgspec.Struct, array_like=True):
    """Rows of `collective` without envelope, each with the file that it is of, or the first one of several."""

    files: list[Told]
    rows: list[tuple[int, dict[str, Any]]]
    left_out: int = 0
    """Rows beyond the bounds."""


_encoder = msgspec.msgpack.Encoder()
_errands = msgspec.msgpack.Decoder(Errand)
_answers = msgspec.msgpack.Decoder(Answer)


def encode(message: Errand | Answer) -> bytes:
    """The bytes of a message."""
    return _encoder.encode(message)


def errand_of(data: bytes) -> Errand:
    """Raises msgspec.MsgspecError."""
    return _errands.decode(data)


def answer_of(data: bytes) -> Answer:
    """Raises msgspec.MsgspecError."""
    return _answers.decode(data)
