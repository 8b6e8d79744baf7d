"""Kafka's record batch (version 2), made from messages at once: for a process that speaks for thousands of producers.

A client library makes a Python object or three of each message; at ten thousand messages a second that is a core's work.
Format: Apache Kafka's protocol guide, "Record Batch". tests/unit/test_record_batch.py has the library decode it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import crc32c
import lz4.frame

_HEADER = struct.Struct(">qiibIhiqqqhii")
_AFTER_LENGTH, _AFTER_CHECKSUM = 12, 21
_MAGIC, _LZ4, _NOBODY = 2, 3, -1
HEADER_BYTES = _HEADER.size


def varint(value: int) -> bytes:
    """A zigzag varint of what is not negative."""
    left, made = value << 1, bytearray()
    while left > 127:
        made.append(left & 127 | 128)
        left >>= 7
    made.append(left)
    return bytes(made)


_SMALL = [varint(value) for value in range(16_384)]


def _short(value: int) -> bytes:
    return _SMALL[value] if value < 16_384 else varint(value)


def field(data: bytes) -> bytes:
    """Bytes with their length, as keys and values stand in a record."""
    return _short(len(data)) + data


def headers(pairs: Sequence[tuple[str, bytes]]) -> bytes:
    """A record's headers, which are its last part."""
    return _short(len(pairs)) + b"".join(field(name.encode()) + field(value) for name, value in pairs)


def record_batch(messages: Sequence[tuple[bytes, bytes, bytes]], timestamp_ms: int) -> bytes:
    """A batch, compressed where that helps. A message is its key as `field`, its value, and its headers as `headers`: keys
    and headers are the same again and again, and need to be made once only."""
    parts: list[bytes] = []
    for offset, (key, value, ending) in enumerate(messages):
        place, length = _short(offset), _short(len(value))
        size = 2 + len(place) + len(key) + len(length) + len(value) + len(ending)
        parts += (_short(size), b"\0\0", place, key, length, value, ending)
    plain = b"".join(parts)
    packed = lz4.frame.compress(plain, block_linked=False)  # Kafka knows independent blocks only
    body, codec = (packed, _LZ4) if len(packed) < len(plain) else (plain, 0)
    batch = bytearray(_HEADER.size + len(body))
    count = len(messages)
    last = (codec, count - 1, timestamp_ms, timestamp_ms, _NOBODY, _NOBODY, _NOBODY, count)
    _HEADER.pack_into(batch, 0, 0, len(batch) - _AFTER_LENGTH, 0, _MAGIC, 0, *last)
    batch[_HEADER.size :] = body
    struct.pack_into(">I", batch, _AFTER_CHECKSUM - 4, crc32c.crc32c(memoryview(batch)[_AFTER_CHECKSUM:]))
    return bytes(batch)
