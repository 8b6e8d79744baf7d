"""How often the detector of slow units is wrong on noise alone, and how often it finds what is slow: seeded simulations."""

from __future__ import annotations

import os
from statistics import median

from clusterctl.analytics.slow.detect import Rules, detect
from clusterctl.analytics.slow.metrics import BUSY, SM_CLOCK, Metric
from tests.support.slowness import FORMS, Noise, group

UNIT_DAYS = int(os.environ.get("CLUSTERCTL_BENCH_UNIT_DAYS", "1024"))
"""Units times days of noise for each line."""
STATED, FLEET_COMPARISONS = 0.05, 80_000
"""The rate that is put to the test; and the comparisons of 10,000 GPUs, at which power is measured."""
ONSET, TRIES = 300, 10
SLOWNESS = ((0.12, 6), (0.12, 30), (0.2, 6), (0.2, 10), (0.2, 30), (0.3, 10))


def false_alarms(metric: Metric, units: int, form: Noise, days: int) -> int:
    """Days of a group, none of it slow, on which something was found."""
    rules = Rules(comparisons=units, false_alarm=STATED)
    return sum(bool(detect(group(metric, units, form, seed), rules)) for seed in range(days))


def found(metric: Metric, units: int, form: Noise, ratio: float, minutes: int) -> list[int]:
    """Errors of the onset, in minutes, of those that were found."""
    errors = []
    for seed in range(TRIES):
        made = group(metric, units, form, seed, 720, {3: (ONSET, ONSET + minutes, ratio)})
        told = [one for one in detect(made, Rules(comparisons=FLEET_COMPARISONS)) if one.unit == made.units[3]]
        errors += [abs(one.first - ONSET) for one in told[:1]]
    return errors


def main() -> None:
    print(f"false alarms, stated at most {100 * STATED:.0f} % of group-days")
    for name, form in FORMS.items():
        for metric in (SM_CLOCK, BUSY):
            for units in (16, 64):
                days = UNIT_DAYS // units
                wrong = false_alarms(metric, units, form, days)
                print(f"{name:12} {metric.name:20} {units:3} GPUs: {wrong} of {days} days")
    print(f"found, of {TRIES}, among the comparisons of 10,000 GPUs, at the default rate of 1 %")
    for name, form in (("quiet", FORMS["quiet"]), ("usual", FORMS["usual"])):
        for metric in (SM_CLOCK, BUSY):
            for units in (16, 64):
                cells = []
                for ratio, minutes in SLOWNESS:
                    errors = found(metric, units, form, ratio, minutes)
                    off = f" ±{median(errors):.0f}" if errors else ""
                    cells.append(f"{100 * ratio:.0f} % {minutes} min {len(errors)}{off}")
                print(f"{name:12} {metric.name:20} {units:3} GPUs: {'; '.join(cells)}")
