"""Reads many files, on several cores where that pays. Results come in the order of the files whoever is first."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from functools import partial
from pathlib import Path

from clusterctl.communication.activity import Activity
from clusterctl.communication.families import KernelTable
from clusterctl.communication.finding import shown
from clusterctl.communication.reading import Logs, read
from clusterctl.errors import InputError

WORTH_BYTES = 100_000_000
"""Below it, starting processes takes longer than reading."""
MOST_JOBS = 16

Progress = Callable[[str, int], None]
"""Told the file being read and how many bytes of it were read since the last call."""
Made = list[Activity] | Logs | None
File = tuple[Path, bool]
"""A file, and whether a person named it rather than its folder."""
Outcome = tuple[File, Made | InputError]


def read_all(
    files: Sequence[File], table: KernelTable, *, salvage: bool, jobs: int, progress: Progress
) -> Generator[Outcome, None, None]:
    """Each file with what was made of it, or why it could not be read. `jobs` 0 takes what the machine has. Closing the
    iterator ends the readers that still run."""
    sizes = [path.stat().st_size for path, _ in files]
    workers = min(jobs or os.cpu_count() or 1, MOST_JOBS, len(files))
    if workers < 2 or (not jobs and sum(sizes) < WORTH_BYTES):
        for file in files:
            yield file, _outcome(file, table, salvage, progress)
        return
    with closing(_pooled(files, sizes, table, salvage, workers, progress)) as outcomes:
        yield from outcomes


def _outcome(file: File, table: KernelTable, salvage: bool, progress: Progress) -> Made | InputError:
    path, named = file
    try:
        return read(path, table, named=named, salvage=salvage, advance=partial(progress, shown(path)))
    except InputError as error:
        return error


def _remote(file: File, table: KernelTable, salvage: bool) -> Made | InputError:
    return _outcome(file, table, salvage, _silent)


def _silent(_path: str, _count: int) -> None:
    """Another process cannot move the bar: it moves a file at a time."""


def _pooled(
    files: Sequence[File], sizes: Sequence[int], table: KernelTable, salvage: bool, workers: int, progress: Progress
) -> Generator[Outcome, None, None]:
    # spawned, since forking beside a progress bar's thread can hang
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        waiting = [pool.submit(_remote, file, table, salvage) for file in files]
        for file, size, one in zip(files, sizes, waiting, strict=True):
            try:
                outcome = one.result()
            except BrokenProcessPool as error:
                raise InputError(f"{file[0]}: its reader was killed", hint="--jobs 1 takes the least memory") from error
            progress(shown(file[0]), size)
            yield file, outcome
    finally:
        pool.shutdown(cancel_futures=True)
