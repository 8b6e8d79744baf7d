"""Prometheus' remote-write requests from NumPy columns: the protobuf's few fields, framed as snappy without compression."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_BYTES = 18
"""Tag, length, tag, double, tag, and a millisecond of this century as a varint of six bytes."""
LITERAL_BYTES = 1 << 16
HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


@dataclass(frozen=True)
class Series:
    """One series' labels, without its name, and its samples in the order of time."""

    name: str
    labels: Mapping[str, str]
    at_ms: NDArray[Any]
    values: NDArray[Any]

    def between(self, begin_ms: int, end_ms: int) -> Series:
        """Its samples of an interval, the end excluded."""
        begin, end = np.searchsorted(self.at_ms, (begin_ms, end_ms))
        return Series(self.name, self.labels, self.at_ms[begin:end], self.values[begin:end])


def _varint(number: int) -> bytes:
    made = bytearray()
    while number >= 0x80:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*made, number))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _label(name: str, value: str) -> bytes:
    return _field(1, _field(1, name.encode()) + _field(2, value.encode()))


def _samples(series: Series) -> bytes:
    made = np.empty((len(series.at_ms), SAMPLE_BYTES), np.uint8)
    made[:, :3] = (0x12, SAMPLE_BYTES - 2, 0x09)
    made[:, 3:11] = series.values.astype("<f8").view(np.uint8).reshape(-1, 8)
    made[:, 11] = 0x10
    for byte in range(6):
        made[:, 12 + byte] = series.at_ms >> 7 * byte & 0x7F | (0x80 if byte < 5 else 0)
    return made.tobytes()


def request(many: Iterable[Series]) -> bytes:
    """The body of one POST."""
    message = b"".join(
        _field(1, b"".join(_label(*pair) for pair in sorted({"__name__": s.name, **s.labels}.items())) + _samples(s))
        for s in many
        if len(s.at_ms)
    )
    return snappy(message)


def snappy(content: bytes) -> bytes:
    """The snappy format with literals only, which every reader of it understands."""
    parts = [_varint(len(content))]
    for at in range(0, len(content), LITERAL_BYTES):
        piece = content[at : at + LITERAL_BYTES]
        parts += [bytes((61 << 2,)), (len(piece) - 1).to_bytes(2, "little"), piece]
    return b"".join(parts)
