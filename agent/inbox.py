"""What other processes of this node hand over (`handover`), on its way into the spool. A part of the agent, once a minute.

A parcel is removed after it was put: a crash between the two sends its rows twice, under the same keys. What is no parcel is
taken out of the way, so that nothing is looked at for ever. Nothing to do costs one look at a folder.
"""

from __future__ import annotations

import contextlib
import heapq
import logging
import os
import stat
from collections.abc import Callable, Sequence
from itertools import islice

import msgspec

from clusterctl.agent import handover
from clusterctl.agent.outbox import Outbox
from clusterctl.clock import MS_PER_MINUTE, Clock
from clusterctl.config import Config
from clusterctl.errors import DecodeError
from clusterctl.schema import COLLECTIVE, Table

log = logging.getLogger(__name__)
Put = Callable[[Table, Sequence[msgspec.Struct]], None]
MOST_AT_ONCE = 64
"""Parcels of one turn; the rest lies there, which is what holds the other process back."""
MOST_LOOKED_AT = 4 * handover.MAX_FILES
FULL = 0.5
"""Nothing is taken while the spool is fuller than this: a kernel line must not be pushed out by a measurement."""
REFUSED, MOST_KEPT = "refused", 16
ABANDONED_MS = 60 * MS_PER_MINUTE
"""What is still being written after so long will never be finished."""


class Inbox:
    """`say` tells once what is wrong with the folder, as a blind spot."""

    def __init__(self, config: Config, outbox: Outbox, clock: Clock, put: Put, say: Callable[[str], None]) -> None:
        self._config, self._outbox, self._clock, self._put, self._say = config, outbox, clock, put, say
        self._path = handover.folder(config)
        self._shut = False
        self._words: set[str] = set()
        self.rows = 0
        """Put since the start."""
        self.refused = 0
        """Files that were no parcels, and rows that no collector would take."""

    def tick(self, _tick_ms: int, _level: int) -> None:
        """Take what lies there, the oldest first; asked for slow ticks only."""
        if self._shut or self._outbox.size_bytes > FULL * self._config.agent.spool_max_bytes:
            return
        try:
            handle = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except OSError as error:
            self._told("unusable", str(error))
            return
        try:
            self._look(handle)
        except OSError as error:  # what was put cannot be removed: to go on would send it every minute
            self._shut = True
            self._told("unusable", str(error))
        finally:
            os.close(handle)

    def _look(self, handle: int) -> None:
        about = os.fstat(handle)
        if about.st_uid not in _trusted() or about.st_mode & 0o022:
            self._told("open_to_others", f"{self._path} belongs to somebody else, or others may write to it")
            return
        with os.scandir(handle) as entries:
            names = [e.name for e in islice(entries, MOST_LOOKED_AT) if not e.is_dir(follow_symlinks=False)]
        unfinished = [name for name in names if name.startswith(handover.BEING_WRITTEN)]
        for name in unfinished[:MOST_AT_ONCE]:
            self._perhaps_abandoned(handle, name)
        finished = (name for name in names if not name.startswith(handover.BEING_WRITTEN))
        for name in heapq.nsmallest(MOST_AT_ONCE, finished):
            if not self._take(handle, name):
                return

    def _take(self, handle: int, name: str) -> bool:
        """One parcel; False if the spool did not take it, and it has to wait."""
        try:
            rows = handover.decode(_read(handle, name))
        except FileNotFoundError:
            return True
        except (DecodeError, OSError) as error:
            self._refuse(handle, name, str(error))
            return True
        times = handover.Times.now(self._config, self._clock)
        good = [row for row in rows if times.has(row)]
        lost = self._outbox.lost
        self._put(COLLECTIVE, good)
        if self._outbox.lost != lost:
            return False
        os.unlink(name, dir_fd=handle)
        self.rows += len(good)
        self.refused += len(rows) - len(good)
        return True

    def _refuse(self, handle: int, name: str, reason: str) -> None:
        """Kept for a person to look at, a few of them."""
        self.refused += 1
        self._told("refused", f"{name[:100]!r} is not rows from a process of ours: {reason}")
        kept = f"{REFUSED}/{self.refused % MOST_KEPT}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(REFUSED, 0o700, dir_fd=handle)
        try:
            os.rename(name, kept, src_dir_fd=handle, dst_dir_fd=handle)
        except OSError:  # something else lies there
            os.unlink(name, dir_fd=handle)

    def _perhaps_abandoned(self, handle: int, name: str) -> None:
        try:
            written_ms = os.stat(name, dir_fd=handle, follow_symlinks=False).st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return
        if self._clock.now_ms() - written_ms > ABANDONED_MS:
            self._refuse(handle, name, "never finished")

    def _told(self, word: str, reason: str) -> None:
        if word not in self._words:
            self._words.add(word)
            log.warning("%s: %s", self._path, reason)
            self._say(f"{handover.FOLDER}:{word}")


def _trusted() -> tuple[int, int]:
    """Root, and the user that the agent runs as."""
    return 0, os.geteuid()


def _read(folder: int, name: str) -> bytes:
    """A file of ours, whole. Raises DecodeError for what is none, OSError where it cannot be read."""
    if not name.endswith(handover.ENDING):
        raise DecodeError("no name of a parcel")
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with open(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise DecodeError("not a file")
        if about.st_uid not in _trusted():
            raise DecodeError(f"it belongs to user {about.st_uid}")
        data = file.read(handover.MAX_FILE_BYTES + 1)
    if len(data) > handover.MAX_FILE_BYTES:
        raise DecodeError(f"larger than {handover.MAX_FILE_BYTES} bytes")
    return data
