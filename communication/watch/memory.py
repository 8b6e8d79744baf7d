"""What was done already, across restarts: one line a file in a small file of the data directory."""

from __future__ import annotations

import fcntl
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import msgspec

from clusterctl.communication.watch.errand import Fate
from clusterctl.communication.watch.looking import MAX_FILES, File
from clusterctl.errors import InputError

MAX_KNOWN = 2 * MAX_FILES
MAX_BYTES = 64 << 20
AGAIN = frozenset({Fate.NO_JOB, Fate.CLOSED})
"""Tried again after a restart: what was missing is not in the file."""


class Done(msgspec.Struct, array_like=True):
    """Of one file: as it was when it was read, and what came of it. Of a log, where the reading ended, and when that was."""

    size: int
    mtime_ns: int
    inode: int
    fate: Fate
    offset: int = 0
    until_ms: int = 0
    read_ms: int = 0
    sending: bool = False
    """Of a log: what was read of it up to this size is on its way out; after a crash just that is read and sent again."""


_decoder = msgspec.msgpack.Decoder(dict[bytes, Done])


class Memory:
    """Of one watched folder; locked, since two that watch it would read everything twice. Raises InputError if another one
    does, OSError if the data directory cannot be used."""

    def __init__(self, folder: Path, root: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]
        self._path = folder / f"{name}.done"
        self._lock = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise InputError(f"{root}: another process watches it", hint="one is enough") from error
        self.lost = False
        """Whether there was a memory that could not be read: what it knew is done again."""
        self._known = self._load()
        self._changed = False

    def _load(self) -> dict[bytes, Done]:
        try:
            with self._path.open("rb") as file:
                known = _decoder.decode(file.read(MAX_BYTES))
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError:
            self.lost = True
            return {}
        return {path: done for path, done in known.items() if done.fate not in AGAIN}

    def of(self, one: File) -> Done | None:
        """What is known of the file, even if it has changed since; of another file in its place, nothing."""
        done = self._known.get(os.fsencode(one.path))
        return done if done is not None and done.inode == one.inode else None

    def is_done(self, one: File) -> bool:
        """Whether it was read as it is now."""
        done = self.of(one)
        return done is not None and not done.sending and (done.size, done.mtime_ns) == (one.size, one.mtime_ns)

    def as_sent(self, one: File) -> File:
        """A log of which something was on its way when we crashed, as it was then: the same rows come of it once more."""
        done = self.of(one)
        if done is None or not done.sending or done.size > one.size:
            return one
        return replace(one, size=done.size, mtime_ns=done.mtime_ns)

    def sending(self, one: File) -> None:
        """Rows of this log, as it was when we looked, are about to be handed over."""
        done = self.of(one)
        known = done if done is not None and done.fate is Fate.LOG else Done(0, 0, 0, Fate.LOG)
        self._known[os.fsencode(one.path)] = Done(
            one.size, one.mtime_ns, one.inode, Fate.LOG, known.offset, known.until_ms, known.read_ms, sending=True
        )
        self._changed = True

    def note(self, one: File, fate: Fate, *, offset: int = 0, until_ms: int = 0, read_ms: int = 0) -> None:
        """It was read as it was when we looked."""
        key = os.fsencode(one.path)
        self._known.pop(key, None)
        self._known[key] = Done(one.size, one.mtime_ns, one.inode, fate, offset, until_ms, read_ms)
        self._changed = True

    def keep(self, present: list[File]) -> None:
        """Write it down, if it has changed. Beyond its bound files that are gone are forgotten, then the longest known."""
        if not self._changed:
            return
        if len(self._known) > MAX_KNOWN:
            there = {os.fsencode(one.path) for one in present}
            self._known = {path: done for path, done in self._known.items() if path in there}
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        beside = self._path.with_suffix(".new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(handle, "wb") as file:
            file.write(msgspec.msgpack.encode(self._known))
        beside.replace(self._path)
        self._changed = False

    def close(self) -> None:
        """Let others watch."""
        os.close(self._lock)
