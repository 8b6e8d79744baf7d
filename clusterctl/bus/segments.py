"""An append-only log in numbered segment files, bounded in bytes: one writer, any number of readers.

A segment is named by the offset of its first record. A record is `length u32, crc32 u32, timestamp_ms u64, body`; the
body is msgpack `[key, value, headers]`. A torn tail, left by a crash, ends the log when the writer opens it again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from clusterctl.errors import BusError, ClusterctlError

HEADER = struct.Struct("<IIQ")
SUFFIX = ".seg"
READ_BYTES = 4 * 1024 * 1024
"""One read brings at most about this much into memory."""
MAX_BODY_BYTES = 16 * 1024 * 1024
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[bytes, bytes, list[tuple[str, bytes]]]).decode


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as it lies in the log."""

    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def segments(directory: Path) -> list[tuple[int, Path]]:
    """(first offset, file) of each segment, oldest first."""
    return sorted((int(path.stem), path) for path in directory.glob(f"*{SUFFIX}"))


def scan(path: Path, first: int, *, start: int = 0) -> Iterator[tuple[Entry, int]]:
    """Whole records of a segment from byte `start`, where offset `first` lies, each with the byte after it."""
    with path.open("rb") as file:
        file.seek(start)
        while len(header := file.read(HEADER.size)) == HEADER.size:
            length, checksum, timestamp_ms = HEADER.unpack(header)
            if length > MAX_BODY_BYTES:
                return
            body = file.read(length)
            if len(body) < length or zlib.crc32(body) != checksum:
                return
            key, value, headers = _decode(body)
            start += HEADER.size + length
            yield Entry(first, timestamp_ms, key, value, tuple(headers)), start
            first += 1


class SegmentWriter:
    """The one writer. `consumed` tells the offset below which every reader is done: those segments are free to go."""

    def __init__(
        self,
        directory: Path,
        max_bytes: int,
        consumed: Callable[[], int],
        segment_bytes: int | None = None,
        floor: int = 0,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory = directory
        self.max_bytes = max_bytes
        self.segment_bytes = segment_bytes or max(65_536, min(4_194_304, max_bytes // 16))
        self.lost = 0
        self._consumed = consumed
        self._lock = (directory / "writer.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise ClusterctlError(
                f"{directory}: another process writes here",
                hint="one agent a spool: stop the other, or give this one its own data_dir",
            ) from None
        known = segments(directory)
        self._first = known[-1][0] if known else 0
        self.next_offset = self._first
        self._path = self._segment_path(self._first)
        end = 0
        if known:
            for entry, end in scan(self._path, self._first):  # noqa: B007 - the last pair is what counts
                self.next_offset = entry.offset + 1
        self._file = self._path.open("ab", buffering=0)
        self._file.truncate(end)
        self._size = end
        self._older_bytes = sum(path.stat().st_size for _, path in known[:-1])
        if floor > self.next_offset:
            # a reader was further than what the disk kept: those offsets were used, and are never given again
            self.next_offset = floor
            self._rotate()

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return self._older_bytes + self._size

    def append(self, key: bytes, value: bytes, headers: tuple[tuple[str, bytes], ...], timestamp_ms: int) -> int:
        """Write one record and return its offset. Handed to the kernel when it returns: safe from a crash of ours.

        Raises OSError when the disk takes it not; the log is then as it was before."""
        body = _encode((key, value, headers))
        if len(body) > MAX_BODY_BYTES:
            raise BusError(f"record of {len(body)} bytes does not fit the spool")
        record = HEADER.pack(len(body), zlib.crc32(body), timestamp_ms) + body
        if self._size and self._size + len(record) > self.segment_bytes:
            self._rotate()
        try:
            written = self._file.write(record)
            if written != len(record):
                raise OSError(errno.ENOSPC, "short write")
        except OSError:
            self._file.truncate(self._size)  # half a record would end the log for every reader
            raise
        self._size += len(record)
        offset = self.next_offset
        self.next_offset += 1
        return offset

    def _rotate(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()
        self._older_bytes += self._size
        self._first = self.next_offset
        self._path = self._segment_path(self._first)
        self._file = self._path.open("ab", buffering=0)
        self._size = 0
        self._trim()

    def _trim(self) -> None:
        """Remove segments that all readers are done with, and the oldest beyond the bound, whose loss is counted."""
        known = segments(self.directory)
        consumed = self._consumed()
        for (first, path), (after, _) in pairwise(known):
            over = self._older_bytes + self.segment_bytes > self.max_bytes
            if after > consumed and not over:
                return
            self.lost += max(0, after - max(first, consumed))
            self._older_bytes -= path.stat().st_size
            path.unlink()

    def _segment_path(self, first: int) -> Path:
        return self.directory / f"{first:020d}{SUFFIX}"

    def close(self) -> None:
        """Everything to the disk, and the lock free."""
        os.fsync(self._file.fileno())
        self._file.close()
        self._lock.close()


class SegmentReader:
    """Reads from an offset on, while the writer writes."""

    def __init__(self, directory: Path, offset: int) -> None:
        self.directory = directory
        self.offset = offset
        self._path: Path | None = None
        self._byte = 0

    def read(self, max_records: int, max_bytes: int = READ_BYTES) -> list[Entry]:
        """Up to `max_records` next entries, or as many as reach `max_bytes`; fewer at the end. Stops short of a record
        that is still being written."""
        entries: list[Entry] = []
        left = max_bytes
        while len(entries) < max_records and left > 0:
            before = len(entries)
            left = self._read_segment(entries, max_records, left)
            if len(entries) == before and not self._advance():
                following = self._beyond_hole()
                left = self._read_segment(entries, max_records, left)  # what came before the writer moved on
                if len(entries) > before or following is None:
                    break
                self.offset, self._path, self._byte = *following, 0
        return entries

    def first_offset(self) -> int:
        """Offset of the oldest record that is still there."""
        known = segments(self.directory)
        return known[0][0] if known else 0

    def _read_segment(self, entries: list[Entry], max_records: int, left: int) -> int:
        """Read on in the current segment; how many bytes are left to be read."""
        if self._path is None and not self._open():
            return left
        path = self._path
        if path is None:
            return left
        try:
            for entry, end in scan(path, self.offset, start=self._byte):
                entries.append(entry)
                left -= end - self._byte
                self.offset, self._byte = entry.offset + 1, end
                if len(entries) == max_records or left <= 0:
                    break
        except FileNotFoundError:
            self._path = None
        return left

    def _open(self) -> bool:
        """Stand on `self.offset` in the segment that holds it."""
        holding = [(first, path) for first, path in segments(self.directory) if first <= self.offset]
        if not holding:
            return False
        first, path = holding[-1]
        byte = 0
        try:
            for entry, end in scan(path, first):
                if entry.offset >= self.offset:
                    break
                byte = end
        except FileNotFoundError:
            return False
        self._path, self._byte = path, byte
        return True

    def _beyond_hole(self) -> tuple[int, Path] | None:
        """The next segment if it does not begin where this one ends: after a power cut the disk may have kept less than
        had been read, and those offsets stay unused."""
        later = [(first, path) for first, path in segments(self.directory) if first > self.offset]
        return later[0] if later and self._path is not None and later[0][1] != self._path else None

    def _advance(self) -> bool:
        """Move to the next segment if this one is complete."""
        following = [path for first, path in segments(self.directory) if first == self.offset]
        if not following or following[0] == self._path:
            return False
        self._path, self._byte = following[0], 0
        return True
