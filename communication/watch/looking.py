"""What lies below the watched folder, and since when it rests. Bounded in depth and number; links are not followed."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clusterctl.clock import MS_PER_S, Clock
from clusterctl.communication.opening import NAMES
from clusterctl.errors import InputError

MAX_DEPTH, MAX_FILES, MAX_ENTRIES = 8, 20_000, 200_000
NS_PER_MS = 1_000_000
PATIENCE = 10
"""A capture waits for its folder's files that are still being written, so many times as long as a file has to rest."""


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was when we looked."""

    path: str
    size: int
    mtime_ns: int
    inode: int
    owner: int = 0

    @property
    def folder(self) -> str:
        return os.path.dirname(self.path)

    @property
    def identity(self) -> tuple[int, int, int]:
        """Changes when its content does."""
        return self.size, self.mtime_ns, self.inode


@dataclass
class View:
    """Everything of one look."""

    files: list[File] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    """Folders that could not be read, a few of them."""
    whole: bool = True
    """False if there is more below the folder than is looked at."""


def look(root: Path) -> View:
    """Files with names of traces and logs. Raises InputError if the folder itself cannot be read."""
    view = View()
    waiting = deque([(str(root), 0)])
    entries = 0
    while waiting:
        folder, depth = waiting.popleft()
        try:
            for entry in _entries(folder):
                entries += 1
                if entries > MAX_ENTRIES or len(view.files) >= MAX_FILES:
                    view.whole = False
                    return view
                if entry.is_dir(follow_symlinks=False):
                    if depth < MAX_DEPTH:
                        waiting.append((entry.path, depth + 1))
                elif entry.is_file(follow_symlinks=False) and NAMES.search(entry.name) and (found := _file(entry)):
                    view.files.append(found)
        except FileNotFoundError:
            if depth == 0:
                raise InputError(f"{folder}: no such folder") from None
        except OSError as error:
            if depth == 0:
                raise InputError(f"{folder}: {error.strerror}") from error
            view.closed.append(folder)
    return view


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """Without what is hidden, which is how programs name what they still write."""
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if not entry.name.startswith("."))


def _file(entry: os.DirEntry[str]) -> File | None:
    """None if it is gone by now."""
    try:
        about = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return File(entry.path, about.st_size, about.st_mtime_ns, about.st_ino, about.st_uid)


class Rest:
    """Which files have come to rest: not changed for so long, by their own time or since we first saw them so."""

    def __init__(self, settled_s: float, clock: Clock) -> None:
        self._settled_s, self._clock = settled_s, clock
        self._seen: dict[str, tuple[tuple[int, int, int], float]] = {}
        self._first: dict[str, float] = {}

    def note(self, files: Sequence[File]) -> None:
        """What this look saw. Files that are gone are forgotten."""
        now_s = self._clock.monotonic_s()
        before, first = self._seen, self._first
        self._seen, self._first = {}, {}
        for one in files:
            known = before.get(one.path)
            self._seen[one.path] = known if known and known[0] == one.identity else (one.identity, now_s)
            self._first[one.path] = first.get(one.path, now_s)

    def settled(self, one: File) -> bool:
        """Whether it rests. An empty file has not begun."""
        unchanged_s = self._clock.monotonic_s() - self._seen[one.path][1]
        age_s = (self._clock.now_ms() - one.mtime_ns // NS_PER_MS) / MS_PER_S
        return one.size > 0 and max(unchanged_s, age_s) >= self._settled_s

    def for_s(self, one: File) -> float:
        """How long we have known it."""
        return self._clock.monotonic_s() - self._first[one.path]

    def groups(self, wanted: Sequence[File], unsettled: Sequence[File]) -> list[list[File]]:
        """Files at rest, by folder and owner, so that no user can hold up or spoil what is another's; without those beside
        which others may soon be."""
        awaited = {(one.folder, one.owner) for one in unsettled if self.for_s(one) < PATIENCE * self._settled_s}
        found: dict[tuple[str, int], list[File]] = {}
        for one in wanted:
            if (one.folder, one.owner) not in awaited:
                found.setdefault((one.folder, one.owner), []).append(one)
        return list(found.values())
