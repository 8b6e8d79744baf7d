"""`python -m tests.accuracy --seeds N --jobs J`: judge the product by fleets whose truth is known. docs/accuracy.md.

Exit 1 if a measure is not where it should be."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.accuracy.end_to_end import through_the_command_line
from tests.accuracy.fleet import Outcome, judge_fleet
from tests.accuracy.fleets import DAYS, FLEETS, JUDGED, NODES, settings_of
from tests.accuracy.slowness import SlowOutcome, judge_slow, slow_measures
from tests.accuracy.table import details, measures

SLOW = "slow"


def _one(kind: str, seed: int, nodes: int, days: float) -> Outcome:
    return judge_fleet(kind, settings_of(kind, seed, nodes, days))


def outcomes(kinds: Sequence[str], seeds: Sequence[int], jobs: int, nodes: int, days: float) -> Iterator[Outcome]:
    """A fleet of each kind and seed, in their order; `jobs` at a time."""
    tasks = [(kind, seed) for seed in seeds for kind in kinds]
    kind_of, seed_of = zip(*tasks, strict=True)
    if jobs == 1:
        yield from map(_one, kind_of, seed_of, repeat(nodes), repeat(days))
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_one, kind_of, seed_of, repeat(nodes), repeat(days), chunksize=4)


def slow_outcomes(seeds: Sequence[int], jobs: int) -> Iterator[SlowOutcome]:
    """A day of each seed."""
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(judge_slow, seeds, chunksize=4)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many fleets of each kind")
    parser.add_argument("--start", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="fleets at once")
    parser.add_argument("--nodes", type=int, default=NODES)
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--kinds", nargs="+", choices=[*FLEETS, SLOW], default=[*JUDGED, SLOW])
    parser.add_argument("--end-to-end", type=int, default=0, help="so many fleets through the command line, on chdb")
    parser.add_argument("--json", type=Path, help="write the table there as well")
    options = parser.parse_args()
    began_s, done = time.monotonic(), []
    seeds = range(options.start, options.start + options.seeds)
    kinds = [kind for kind in options.kinds if kind != SLOW]
    for outcome in outcomes(kinds, seeds, options.jobs, options.nodes, options.days) if kinds else ():
        done.append(outcome)
        if len(done) % 50 == 0:
            print(f"{len(done)} fleets, {time.monotonic() - began_s:.0f} s", file=sys.stderr, flush=True)
    slow = list(slow_outcomes(seeds, options.jobs)) if SLOW in options.kinds else []
    found = [*measures(done), *slow_measures(slow)]
    print(f"{'measure':<58} {'share':>7}  {'95 % interval':<16}  {'counts':>15}  {'wanted':<14}")
    for measure in found:
        print(measure.line())
    for line in details(done):
        print(f"  {line}")
    for seed in range(options.start, options.start + options.end_to_end):
        with TemporaryDirectory() as folder:
            print(f"  command line, seed {seed}: {through_the_command_line(seed, Path(folder) / 'fleet').line()}")
    print(f"{len(done)} fleets of {options.nodes} nodes and {options.days:g} days, {time.monotonic() - began_s:.0f} s")
    if options.json:
        rows = [{**asdict(one), "share": one.share, "good": one.good} for one in found]
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0 if all(measure.good is not False for measure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
