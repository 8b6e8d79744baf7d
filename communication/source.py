"""Bytes of a file, plain or gzip, in chunks, with bounds: a small file that unpacks without end is refused."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from clusterctl.communication.damage import Damaged
from clusterctl.errors import InputError

CHUNK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
MAX_RATIO = 200
"""Real traces shrink 10 to 40 times; deflate's limit is 1032."""
RATIO_FROM_BYTES = 256 << 20
"""A small file may shrink as it likes: it cannot do harm."""

Advance = Callable[[int], None]
"""Told how many bytes of the file were read since the last call."""


def ignore(_count: int) -> None:
    """For who does not want to know how far reading is."""


def opened(path: Path) -> io.BufferedReader:
    """A file that has an end. Opening does not wait for who may write into a pipe. Raises OSError, InputError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError(f"{path}: not a regular file")
    return open(handle, "rb")


class Source:
    """An open file. Raises InputError if it cannot be opened, Damaged for a broken or boundless archive."""

    def __init__(self, path: Path, advance: Advance = ignore) -> None:
        self.path = path
        self.position = 0
        self._advance = advance
        self._told = 0
        try:
            self._file = opened(path)
            packed = self._file.read(2) == GZIP_MAGIC
            self._file.seek(0)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        self.packed = packed
        self._text: io.BufferedReader | gzip.GzipFile = gzip.GzipFile(fileobj=self._file) if packed else self._file

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """The next bytes; fewer only at the end, where it is empty."""
        try:
            text = self._text.read(size)
        except EOFError as error:
            raise Damaged(self.path, self.position, "the compressed file is cut off") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            raise Damaged(self.path, self.position, f"not a valid gzip file ({error})") from error
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror}") from error
        self.position += len(text)
        self._report()
        return text

    def whole(self, limit: int) -> bytes:
        """All of a file that has to be read as a whole. Raises Damaged if it is larger than `limit`."""
        text = self.read(limit + 1)
        if len(text) > limit:
            raise Damaged(self.path, limit, f"larger than {limit >> 20} MiB, which such a file never is", hint="")
        return text

    def _report(self) -> None:
        read = self._file.tell()
        self._advance(read - self._told)
        self._told = read
        if self.packed and self.position > max(RATIO_FROM_BYTES, read * MAX_RATIO):
            raise Damaged(
                self.path, self.position, f"unpacks to more than {MAX_RATIO} times its size", hint="unpack it yourself"
            )
