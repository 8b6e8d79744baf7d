"""From the paths that a person gives to files, and from files to ranks."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from clusterctl.communication.opening import NAMES
from clusterctl.errors import InputError

if TYPE_CHECKING:  # who only looks for files does without NumPy
    from clusterctl.communication.activity import Activity

MAX_FILES = 100_000
RANK_IN_NAME = re.compile(r"rank[_\-.=]?(\d{1,6})(?!\d)", re.IGNORECASE)
TOLD, NAMED, DEVICE, PLACE = "trace", "file name", "device", "position"


def files_of(paths: Sequence[Path]) -> list[tuple[Path, bool]]:
    """Files in the order given, those of a folder by name; with whether a file was named itself. Raises InputError."""
    found: dict[Path, bool] = {}
    for path in paths:
        if path.is_dir():
            found.update((file, found.get(file, False)) for file in _within(path))
        elif path.exists():
            found[path] = True
        else:
            raise InputError(f"{path}: no such file or folder")
        if len(found) > MAX_FILES:
            raise InputError(f"{path}: more than {MAX_FILES:,} files", hint="name the folder of one capture")
    if not found:
        raise InputError(
            f"{paths[0]}: no traces or logs in it", hint="files are looked for by suffix; name others one by one"
        )
    return list(found.items())


def _within(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=_closed):
        folders.sort()
        for name in sorted(names, key=_natural):
            if NAMES.search(name):
                yield Path(place, name)


def _closed(error: OSError) -> None:
    """What cannot be looked into may hold ranks: without them the result would be another."""
    raise InputError(f"{error.filename}: {error.strerror}") from error


def _natural(name: str) -> list[tuple[int, int, str]]:
    """rank10 behind rank9."""
    parts = re.split(r"(\d{1,18})", name)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def numbered(found: Sequence[Activity]) -> tuple[list[Activity], str]:
    """The activities with a rank each, and what the ranks come from: the traces, the files' names, or their order."""
    files = Counter(one.path for one in found)
    if any(count > 1 for count in files.values()):
        if len(files) == 1 and all(one.device is not None for one in found):
            return [replace(one, rank=one.device) for one in found], DEVICE
        return [replace(one, rank=place) for place, one in enumerate(found)], PLACE
    told = [one.rank for one in found]
    if None not in told and len(set(told)) == len(told):
        return list(found), TOLD
    names = [RANK_IN_NAME.findall(one.path.name) for one in found]
    ranks = [int(numbers[-1]) if numbers else None for numbers in names]
    if None not in ranks and len(set(ranks)) == len(ranks):
        return [replace(one, rank=rank) for one, rank in zip(found, ranks, strict=True)], NAMED
    if None not in told:  # captures of the same rank
        return list(found), TOLD
    return [replace(one, rank=place) for place, one in enumerate(found)], PLACE


def shown(path: Path | str) -> str:
    """A path, or a sentence with one, as text that every output takes, whatever bytes the path is made of."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
