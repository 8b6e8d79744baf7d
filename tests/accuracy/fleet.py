"""One simulated fleet, judged: what was found against what was true."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from clusterctl.analytics.incidents import Incident as Found
from clusterctl.analytics.incidents import Rules, compute
from clusterctl.analytics.stats import Tally, Units, rate_of
from clusterctl.analytics.stats.cohort import compare
from clusterctl.analytics.stats.dispersion import dispersion_of
from clusterctl.analytics.stats.lemon import judged_units
from clusterctl.clock import MS_PER_DAY
from clusterctl.simulate.fleet.exposure import exposure_of, gpu_days_by_node
from clusterctl.simulate.fleet.happenings import simulate
from clusterctl.simulate.fleet.layout import BAD_BATCH
from clusterctl.simulate.fleet.seen import Eyes, mark
from clusterctl.simulate.fleet.settings import Settings
from clusterctl.simulate.fleet.truth import rate_per_1000_gpu_days
from clusterctl.simulate.fleet.world import World
from tests.accuracy.evidence import evidence_of
from tests.accuracy.match import Matched, is_headline, is_planned, match

BASIS = "in service"
SIGNIFICANT = 0.05


@dataclass
class Outcome:
    """What one fleet says of the product. Counters are summed over fleets."""

    kind: str
    seed: int
    matched: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)
    blind: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By true class: right, unattributed, or the wrong class."""
    planned_true: int = 0
    planned_found: int = 0
    faults_true: int = 0
    faults_found: int = 0
    faults_matched: int = 0
    rate_true: float = 0.0
    rate_found: float = 0.0
    covered_plain: bool = False
    covered: bool = False
    """By the interval that the verdict uses."""
    binding: bool = False
    phi: float | None = None
    lemons: int = 0
    lemons_found: int = 0
    flagged_wrongly: int = 0
    batch_p: float = 1.0
    seconds: float = 0.0


def judge_fleet(kind: str, settings: Settings) -> Outcome:
    """Simulate it, compute its incidents and statistics as the product does, and compare with the truth."""
    began_s = time.monotonic()
    world = simulate(settings)
    eyes = Eyes(world)
    mark(world, eyes)
    found = compute(evidence_of(world, eyes), Rules())
    outcome = Outcome(kind, settings.seed)
    _incidents(world, found, outcome)
    _rate(world, found, outcome)
    _units(world, found, outcome)
    outcome.seconds = time.monotonic() - began_s
    return outcome


def _incidents(world: World, found: list[Found], outcome: Outcome) -> None:
    unplanned = [one for one in world.incidents if not is_planned(one)]
    outcome.planned_true = len(world.incidents) - len(unplanned)
    outcome.planned_found = sum(is_planned(one) for one in found)
    outcome.blind.update(one.mechanism for one in unplanned if not one.seen_by)
    result = match(world, [one for one in unplanned if one.seen_by], [one for one in found if not is_planned(one)])
    outcome.matched.update(truth.mechanism for truth, _ in result.pairs)
    outcome.missed.update(truth.mechanism for truth in result.missed)
    outcome.extra.update(f"{one.judged.cause}: {one.judged.reason}" for one in result.extra)
    _classes(result, outcome)


def _classes(result: Matched, outcome: Outcome) -> None:
    """How the cause was told, where it can be. Only faults: what a degradation is has no class of its own."""
    for truth, one in result.pairs:
        if truth.cls == "degradation":
            verdict = "right" if one.impact == "degradation" else f"as {one.incident_class}"
        elif one.incident_class == truth.cls:
            verdict = "right"
        else:
            verdict = "unattributed" if one.incident_class == "unknown" else f"as {one.incident_class}"
        outcome.verdicts[truth.cls, verdict] += 1
        outcome.faults_matched += truth.is_fault and is_headline(one)
    outcome.faults_true = sum(truth.is_fault for truth, _ in result.pairs) + sum(one.is_fault for one in result.missed)


def _rate(world: World, found: list[Found], outcome: Outcome) -> None:
    """The headline rate and both its intervals, on the watched exposure, against the rate that was set."""
    headline = [one for one in found if is_headline(one)]
    exposure = exposure_of(world).watched_in_service
    true = rate_per_1000_gpu_days(world)["faults"]
    days = round(world.settings.days)
    of_day = Counter((one.first_ms - world.settings.start_ms) // MS_PER_DAY for one in headline)
    daily = [Tally(of_day[day], exposure / days) for day in range(days)]
    spread = dispersion_of(daily, Tally(len(headline), exposure), BASIS)
    plain = rate_of(len(headline), exposure, BASIS)
    used = rate_of(len(headline), exposure, BASIS, spread.verdict_phi)
    outcome.faults_found = len(headline)
    outcome.rate_true, outcome.rate_found = true, plain.value or 0.0
    outcome.covered_plain = _holds(plain.low, true, plain.high)
    outcome.covered = _holds(used.low, true, used.high)
    outcome.binding, outcome.phi = spread.binding, spread.phi


def _holds(low: float | None, value: float, high: float | None) -> bool:
    return low is not None and high is not None and low <= value <= high


def _units(world: World, found: list[Found], outcome: Outcome) -> None:
    """Lemons among the nodes, and one batch of hardware against the others."""
    nodes, days = world.fleet.nodes, gpu_days_by_node(world, watched=True)
    of_node = Counter(one.node for one in found if is_headline(one) and one.node)
    counts = np.array([of_node[node.name] for node in nodes])
    tested = judged_units(Units([node.name for node in nodes], counts.tolist(), days.tolist()))
    stands = tested.significant & (counts >= 2)
    lemon = np.array([node.lemon for node in nodes])
    outcome.lemons = int(lemon.sum())
    outcome.lemons_found = int((stands & lemon).sum())
    batch = np.array([node.batch == BAD_BATCH for node in nodes]) & ~lemon
    worse = lemon | (batch & (world.settings.shape.bad_batch_factor > 1))
    worse[[one.node for one in world.incidents if one.mechanism == "bad_gpu"]] = True
    outcome.flagged_wrongly = int((stands & ~worse).sum())
    other = np.array([node.batch != BAD_BATCH for node in nodes]) & ~lemon
    compared = compare(*(Tally(int(counts[one].sum()), float(days[one].sum())) for one in (batch, other)))
    outcome.batch_p = 1.0 if compared.p_value is None else compared.p_value
