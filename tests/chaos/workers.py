"""Seeds over worker processes, each with a ground of its own that it keeps from seed to seed."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from tests.chaos.ground import Ground
from tests.chaos.seed import Outcome, Say, play

_ground: Ground | None = None


def on_ground(seed: int, base: Path, logs: Path, say: Say) -> Outcome:
    """One seed on this process's ground; the next gets a new one after a failure, which the old one may have caused."""
    global _ground
    if _ground is None:
        _ground = Ground(Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=base)))
    try:
        outcome = play(seed, _ground, logs, say)
    except Exception:  # a fault of the harness or of a server: this seed has failed, the others go on
        outcome = Outcome(seed, logs=str(logs / f"seed-{seed}"))
        outcome.findings.words.append(traceback.format_exc())
    if not outcome.passed:
        kept = Path(outcome.logs)
        kept.mkdir(exist_ok=True)
        (kept / "findings.txt").write_text("\n".join([outcome.line(), *outcome.faults, *outcome.findings.words]))
        for server in ("kafka.log", "clickhouse.log"):
            shutil.copy(_ground.home / server, kept / server)
        leave_ground()
    return outcome


def leave_ground() -> None:
    """Stop the servers; they die with their worker in any case."""
    global _ground
    if _ground is not None:
        _ground.close()
    _ground = None


def quiet(_text: str) -> None:
    """Say nothing."""


def aloud(text: str) -> None:
    """Say it now."""
    print(text, flush=True)


def outcomes(seeds: Sequence[int], jobs: int, logs: Path, *, verbose: bool) -> Iterator[Outcome]:
    """As they come."""
    logs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        run = partial(on_ground, base=Path(folder), logs=logs.absolute(), say=aloud if verbose else quiet)
        if jobs == 1:
            try:
                yield from map(run, seeds)
            finally:
                leave_ground()
            return
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            for done in as_completed([pool.submit(run, seed) for seed in seeds]):
                yield done.result()
