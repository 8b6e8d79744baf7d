"""A log that grows is read on from where the last reading ended, whole lines only: nothing is counted twice or cut in two."""

from __future__ import annotations

from pathlib import Path

from clusterctl.communication.opening import Form
from clusterctl.communication.source import CHUNK_BYTES, Source
from clusterctl.errors import InputError

LINES = frozenset({Form.INSPECTOR, Form.NCCL_DEBUG})
"""Kinds of logs whose lines stand by themselves."""


class Piece(Source):
    """The bytes from `begin` to `end` of a file that is not compressed; positions are those of the file."""

    def __init__(self, path: Path, begin: int, end: int) -> None:
        super().__init__(path)
        try:
            self._file.seek(begin)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        self.position = begin
        self._end = end

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """As of a source."""
        return super().read(min(size, self._end - self.position)) if self.position < self._end else b""


def end_of(path: Path, begin: int, size: int, *, growing: bool) -> int:
    """Behind the last whole line: a job that was killed leaves a part of one. Raises InputError."""
    end = size
    while end > begin:
        start = max(begin, end - CHUNK_BYTES)
        with Piece(path, start, end) as piece:
            found = piece.read().rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return begin if growing else size
