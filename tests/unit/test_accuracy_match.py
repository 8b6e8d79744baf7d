"""How found incidents are held against true ones: each once, by root and time."""

from __future__ import annotations

from clusterctl.analytics.incidents import Evidence, JobRun, NodeState, Rules, Signal, compute
from clusterctl.simulate.fleet.layout import fleet_of
from clusterctl.simulate.fleet.settings import Settings
from clusterctl.simulate.fleet.world import Incident, World
from tests.accuracy.match import EARLY_MS, LATE_MS, is_headline, match
from tests.accuracy.table import Measure

SETTINGS = Settings(4, 10.0)
AT = SETTINGS.start_ms + 3_600_000
HOUR = 3_600_000


def found_at(*times: int, node: str = "sim-00001") -> list:
    """Incidents of Xid 79, each repaired before the next."""
    signals = tuple(Signal(node, "GPU-1", "xid", "79", "fail", at, at, 1) for at in times)
    states = [NodeState(node, SETTINGS.start_ms, "in_service")]
    for at in times:
        states += [NodeState(node, at + 60_000, "drained"), NodeState(node, at + 600_000, "in_service")]
    return compute(Evidence("sim", signals, tuple(states)), Rules())


def truth_at(at: int, node: int = 1) -> Incident:
    return Incident("gpu", "hardware", node, "", 0, at, at, True, True, (node,), seen_by=("kernel",))


def world() -> World:
    return World(SETTINGS, fleet_of(SETTINGS))


def test_each_found_incident_stands_for_one_true_one() -> None:
    result = match(world(), [truth_at(AT), truth_at(AT + 1_000)], found_at(AT))
    assert (len(result.pairs), len(result.missed), len(result.extra)) == (1, 1, 0)


def test_another_root_or_another_time_is_no_match() -> None:
    for true in (truth_at(AT, node=2), truth_at(AT + EARLY_MS + 1), truth_at(AT - LATE_MS - 1)):
        result = match(world(), [true], found_at(AT))
        assert (len(result.pairs), len(result.missed), len(result.extra)) == (0, 1, 1)


def test_of_two_the_nearest_is_taken() -> None:
    found = found_at(AT, AT + 20 * 60_000)
    result = match(world(), [truth_at(AT + 19 * 60_000)], found)
    assert [one.first_ms for _, one in result.pairs] == [AT + 20 * 60_000]
    assert [one.first_ms for one in result.extra] == [AT]


def test_a_program_is_found_by_its_job() -> None:
    job = JobRun("7", "a", ("sim-00000", "sim-00001"), 16, AT - HOUR, AT, "FAILED", 1)
    found = compute(Evidence("sim", jobs=(job,)), Rules())
    truth = Incident("software", "software", 0, "", -1, AT, AT, False, False, (0, 1), ("7",), seen_by=("scheduler",))
    assert len(match(world(), [truth], found).pairs) == 1
    assert not is_headline(found[0])


def test_a_measure_knows_what_a_few_seeds_can_say() -> None:
    few, many = Measure("x", 19, 20, least=0.98), Measure("x", 9_500, 10_000, least=0.98)
    assert (few.good, few.excluded) == (False, False)
    assert (many.good, many.excluded) == (False, True)
    assert Measure("x", 0, 0, least=0.9).good is None
    assert Measure("x", 96, 100, 0.93, 0.97).good is True
