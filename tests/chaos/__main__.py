"""`python -m tests.chaos --seeds N --start S --jobs J`: run seeds; exit 1 if one breaks the promise. docs/chaos.md."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.chaos.seed import Outcome
from tests.chaos.workers import outcomes

LOGS = Path("chaos-logs")


def failure(outcome: Outcome) -> str:
    """What one needs to see it again."""
    return "\n".join(
        [
            f"  faults: {', '.join(outcome.faults)}",
            *(f"  {words}" for words in outcome.findings.words),
            f"  again: python -m tests.chaos --seeds 1 --start {outcome.seed} -v    logs: {outcome.logs}",
        ]
    )


def summary(done: list[Outcome], seconds: float) -> str:
    """The last line."""
    failed = sorted(outcome.seed for outcome in done if not outcome.passed)
    tallies = [outcome.tally for outcome in done]
    return (
        f"{len(done)} seeds, {sum(len(outcome.faults) for outcome in done)} faults, "
        f"{sum(tally.acknowledged for tally in tallies):,} messages acknowledged, "
        f"{sum(tally.rows for tally in tallies):,} rows stored, {sum(outcome.findings.lost for outcome in done)} lost, "
        f"{sum(outcome.findings.twice for outcome in done)} twice, {sum(tally.dead for tally in tallies):,} dead letters, "
        f"ticks {sum(tally.ticks_lost for tally in tallies)} lost {sum(tally.ticks_counted for tally in tallies)} counted, "
        f"{sum(tally.own_ends for tally in tallies)} processes ended by themselves, "
        f"{len(failed)} seeds failed{': ' + ', '.join(map(str, failed)) if failed else ''}, {seconds:.0f} s"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--start", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="seeds at once, each worker with its own servers")
    parser.add_argument("--logs", type=Path, default=LOGS, help="where a failing seed leaves its logs")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what happens when")
    options = parser.parse_args()
    began_s, done = time.monotonic(), []
    seeds = range(options.start, options.start + options.seeds)
    for outcome in outcomes(seeds, options.jobs, options.logs, verbose=options.verbose):
        print(outcome.line(), flush=True)
        if not outcome.passed:
            print(failure(outcome), flush=True)
        done.append(outcome)
    print(summary(done, time.monotonic() - began_s))
    return 0 if done and all(outcome.passed for outcome in done) else 1


if __name__ == "__main__":
    sys.exit(main())
