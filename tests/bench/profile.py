"""What the profiler schedule costs a job: a step outside of a window, and a window of a real PyTorch job."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from clusterctl.hook_profile import Profile
from tests.support.fetch import Missing, torch_python
from tests.support.torch_run import run_job

CALLS = 100_000
BUDGET_US = 50.0
PERIOD_S, BUDGET_RATIO = 1_800.0, 0.01
STEPS, EVERY, SIZE, LAYERS = 340, 64, 512, 12
"""Five windows; a step is some 400 operators on the CPU."""


def outside(into: Path) -> None:
    profile = Profile(into, every_steps=1 << 40)
    spent_ns = []
    for number in range(CALLS):
        began_ns = time.perf_counter_ns()
        profile.step(number + 1)
        spent_ns.append(time.perf_counter_ns() - began_ns)
    spent_ns.sort()
    p50_us, p99_us = spent_ns[CALLS // 2] / 1e3, spent_ns[CALLS * 99 // 100] / 1e3
    verdict = "within" if p99_us <= BUDGET_US else "ABOVE"
    print(f"step outside of a window: p50 {p50_us:.1f} µs, p99 {p99_us:.1f} µs (budget {BUDGET_US:.0f} µs: {verdict})")


def inside(python: Path, into: Path) -> None:
    run_job(python, into, steps=STEPS, every=EVERY, wait=True, size=SIZE, layers=LAYERS)
    for path in sorted(into.glob("*.comm.json")):
        summary = json.loads(path.read_text(encoding="utf-8"))
        worst = max(summary["profiles"], key=lambda one: float(one["overhead_s"]))
        ratio = worst["overhead_s"] / PERIOD_S
        verdict = "within" if ratio <= BUDGET_RATIO else "ABOVE"
        print(
            f"window at step {summary['first_step']}: step {worst['step_outside_s'] * 1e3:.1f} ms outside, "
            f"{worst['step_inside_s'] * 1e3:.1f} inside ({worst['overhead_ratio']:+.1%}), stood still "
            f"{worst['pause_s'] * 1e3:.0f} ms, in all {worst['overhead_s'] * 1e3:.0f} ms: {ratio:.4%} of {PERIOD_S:.0f} s "
            f"(budget {BUDGET_RATIO:.0%}: {verdict}); summary {path.stat().st_size / 1e3:.0f} kB"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        outside(Path(directory))
        try:
            inside(torch_python(), Path(directory))
        except Missing as missing:
            print(f"a window: not measured ({missing})")


if __name__ == "__main__":
    main()
