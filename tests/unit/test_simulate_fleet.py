"""A fleet with known faults: its bytes repeat, its phrases are the kernel's, its truth adds up."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from clusterctl.agent.kmsg.files import place, raw_lines, read_lines
from clusterctl.agent.kmsg.grammar import parse
from clusterctl.clock import MS_PER_DAY
from clusterctl.commands.simulate_fleet import changed, read_line
from clusterctl.errors import InputError
from clusterctl.schema import Lane
from clusterctl.simulate.fleet import symptoms
from clusterctl.simulate.fleet.events import MAX_WINDOWS, windows
from clusterctl.simulate.fleet.exposure import exposure_of
from clusterctl.simulate.fleet.fabric import switch_dies
from clusterctl.simulate.fleet.files import moments, node_list, write_files
from clusterctl.simulate.fleet.happenings import simulate
from clusterctl.simulate.fleet.layout import fleet_of
from clusterctl.simulate.fleet.seen import Eyes, mark, skewed
from clusterctl.simulate.fleet.settings import Rates, Settings, Shape
from clusterctl.simulate.fleet.stage import Stage
from clusterctl.simulate.fleet.symptoms import Symptom
from clusterctl.simulate.fleet.truth import rate_per_1000_gpu_days, truth_of
from clusterctl.simulate.fleet.world import (
    AGENT,
    DRAINED,
    IN_SERVICE,
    KERNEL_LOG,
    PLANNED,
    Echo,
    Gap,
    Incident,
    Line,
    Run,
    State,
    World,
)
from clusterctl.simulate.fleet.write import write

SMALL = Settings(12, 2.0, seed=5, rates=Rates(gpu=50.0, nic=10.0, user=20.0), shape=Shape(storm_share=0.5))
TOPICS = {Lane.EVENTS: "events", Lane.SAMPLES: "samples"}
NOTHING = Rates(**dict.fromkeys(Rates.__dataclass_fields__, 0.0))
ALL = (symptoms.GPU, symptoms.HOST, symptoms.NIC, symptoms.STORAGE, symptoms.DRIVER, symptoms.AMBIGUOUS,
       symptoms.DEGRADED, symptoms.USER)  # fmt: skip


def digest(settings: Settings, folder: Path) -> str:
    """Of every byte below the folder, with the names."""
    write(simulate(settings), folder, TOPICS, read_line, every_s=300, sampled=2, tell=lambda done: None)
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        whole.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first = digest(SMALL, tmp_path / "one")
    assert digest(SMALL, tmp_path / "two") == first
    assert digest(replace(SMALL, seed=6), tmp_path / "three") != first


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep")
    with pytest.raises(InputError):
        write(simulate(SMALL), tmp_path, TOPICS, read_line, every_s=300, sampled=0, tell=lambda done: None)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("symptom", [symptom for group in ALL for symptom in group], ids=lambda symptom: symptom.name)
def test_every_phrase_is_one_that_the_grammar_knows(symptom: Symptom) -> None:
    words = Stage(SMALL).words(3)
    parsed = [parse(text.format(**words)) for _, text in symptom.says]
    assert None not in parsed
    codes = {found.code for found in parsed if found and found.kind == "xid"}
    assert {str(code) for code in symptom.echoes} <= codes
    addresses = {found.pci for found in parsed if found and found.kind in ("xid", "gpu_off_bus")}
    assert addresses <= {"0000:49:00.0"}
    again = parse(symptom.again.format(**words)) if symptom.again else parsed[0]
    assert again is not None
    assert again.kind != "sxid_detail"


@hypothesis_settings(deadline=None)
@given(st.integers(2, 1_000_000), st.integers(0, 40_000_000))
def test_the_rows_of_a_storm_have_all_its_lines(count: int, span_ms: int) -> None:
    rows = list(windows(Line(0, 1_000, "x", 0, count, 1_000 + span_ms)))
    assert sum(row[2] for row in rows) == count
    assert len(rows) <= MAX_WINDOWS
    assert rows[0][0] == 1_000
    assert rows[-1][1] == 1_000 + max(1, span_ms)
    assert all(first <= last < later for (first, last, _), (later, _, _) in pairwise(rows))


def by_hand(nodes: int, days: float) -> World:
    """A fleet to which nothing has happened yet."""
    settings = Settings(nodes, days, rates=NOTHING)
    return World(settings, fleet_of(settings))


def test_exposure_on_three_bases() -> None:
    """X02 of docs/kpi.md: 128 GPUs, 10 days, a node out for 2, all in planned maintenance for half a day."""
    world = by_hand(16, 10.0)
    day = world.settings.start_ms
    world.states += [State(3, day + MS_PER_DAY, DRAINED, ""), State(3, day + 3 * MS_PER_DAY, IN_SERVICE, "")]
    for node in range(16):
        world.states += [
            State(node, day + 5 * MS_PER_DAY, PLANNED, ""),
            State(node, day + 5 * MS_PER_DAY + MS_PER_DAY // 2, IN_SERVICE, ""),
        ]
    world.states.sort(key=lambda state: state.since_ms)
    nodes = tuple(range(16))
    world.runs.append(Run("1", "a", nodes, day, day, 0, day + 7 * MS_PER_DAY))  # 896 GPU-days
    world.runs.append(Run("2", "b", (0, 1), day, day + 7 * MS_PER_DAY, 0, None))  # 48 more, running at the end
    world.runs.append(Run("3", "b", (2,), day, day + 7 * MS_PER_DAY, 0, day + 13 * MS_PER_DAY))
    world.runs[-1].ended_ms = day + 7 * MS_PER_DAY + round(6.5 * MS_PER_DAY)  # 52 more: 996
    world.gaps.append(Gap(5, day, day + MS_PER_DAY, AGENT))
    found = exposure_of(world)
    assert (found.capacity, found.in_service) == pytest.approx((1_280, 1_200))
    assert found.allocated == pytest.approx(996)
    assert found.watched_capacity == pytest.approx(1_272)
    assert found.watched_in_service == pytest.approx(1_192)
    assert found.watched_allocated == pytest.approx(988)


def test_what_nobody_watched_is_blind_and_what_one_observer_saw_is_not() -> None:
    world = by_hand(3, 1.0)
    at = world.settings.start_ms + 1_000
    for node in range(3):
        world.lines.append(Line(node, at, "NVRM: Xid (PCI:0000:19:00): 79, GPU has fallen off the bus.", 0, 1, at))
        world.echoes.append(Echo(node, at + 10, 0, 79))
        world.incidents.append(Incident("gpu", "hardware", node, "", 0, at, at, True, True, (node,)))
    world.gaps += [Gap(0, at - 500, at + 500, AGENT), Gap(1, at - 500, at + 500, KERNEL_LOG)]
    eyes = Eyes(world)
    mark(world, eyes)
    assert [incident.seen_by for incident in world.incidents] == [(), ("nvml",), ("kernel", "nvml")]
    assert [one["visible"] for one in truth_of(world)["incidents"]] == [False, True, True]


def test_a_switch_takes_its_32_nodes_within_two_seconds_and_is_one_incident() -> None:
    stage = Stage(Settings(64, 5.0, rates=NOTHING))
    at = stage.settings.start_ms + MS_PER_DAY
    stage.at(at, lambda now_ms: switch_dies(stage, 1, now_ms))
    stage.play(lambda done: None)
    (incident,) = stage.world.incidents
    assert (incident.element, len(incident.nodes), incident.is_fault) == ("leaf-0001", 32, True)
    assert {told.element for told in stage.world.told} == {"leaf-0001"}
    assert {told.node for told in stage.world.told} == set(range(32, 64))
    assert all(at <= told.at_ms <= at + 2_000 for told in stage.world.told)
    assert {state.node for state in stage.world.states if state.state == IN_SERVICE} == set(range(32, 64))


def test_faults_come_at_the_rate_that_was_set() -> None:
    """30 fleets: within four standard errors of rate × exposure, and the truth states the parameter, not the count."""
    rates, shape = replace(NOTHING, gpu=2.0, switch=0.3), Shape(lemon_share=0.0, bad_batch_factor=1.0)
    worlds = [simulate(Settings(32, 10.0, seed=seed, rates=rates, shape=shape)) for seed in range(30)]
    assert [rate_per_1000_gpu_days(world)["faults"] for world in worlds] == pytest.approx([2.3] * 30)
    expected = sum(2.3 * exposure_of(world).in_service / 1_000 for world in worlds)
    counted = sum(len(world.incidents) for world in worlds)
    assert abs(counted - expected) < 4 * expected**0.5


def test_groups_of_faults_keep_the_rate_and_spread_the_counts() -> None:
    shape = Shape(lemon_share=0.0, bad_batch_factor=1.0, cluster_size=3.0)
    settings = Settings(64, 5.0, rates=replace(NOTHING, gpu=8.0), shape=shape)
    counts = np.array([len(simulate(replace(settings, seed=seed)).incidents) for seed in range(60)])
    mean = 8.0 * 512 * 5 / 1_000
    assert (
        abs(counts.mean() - mean) < 4 * (5 * mean / 60) ** 0.5
    )  # a geometric size of mean 3 varies five times as Poisson
    assert 2.5 < counts.var() / counts.mean() < 9.0


def test_a_lemon_has_its_factor_of_the_faults() -> None:
    shape = Shape(lemon_share=0.02, lemon_factor=50.0, bad_batch_factor=1.0)
    world = simulate(Settings(100, 60.0, seed=2, rates=replace(NOTHING, gpu=0.5), shape=shape))
    lemons = {node.number for node in world.fleet.nodes if node.lemon}
    assert len(lemons) == 2
    on_lemons = sum(incident.node in lemons for incident in world.incidents) / len(world.incidents)
    assert on_lemons == pytest.approx(100 / 198, abs=0.15)


def test_the_text_of_the_kernel_log_is_what_was_said(tmp_path: Path) -> None:
    world = simulate(SMALL)
    eyes = Eyes(world)
    write_files(world, eyes, tmp_path)
    read: list[tuple[str, int, str]] = []
    for path in sorted((tmp_path / "kmsg").iterdir()):
        with path.open("rb") as file:
            lines = list(place(list(read_lines(raw_lines(file), SMALL.end_ms)), SMALL.end_ms, None))
        assert {line.facility for line in lines} == {0}
        read += [(path.stem, line.ts_ms, found.code) for line in lines if (found := parse(line.text))]
    said = [
        (world.fleet.nodes[line.node].name, skewed(world, line.node, at_ms), found.code)
        for line in eyes.lines
        for at_ms in moments(line)
        if (found := parse(line.text))
    ]
    assert len(said) > 500
    assert sorted(read) == sorted(said)


def test_node_lists_are_slurms() -> None:
    assert node_list("sim", (7,)) == "sim-00007"
    assert node_list("sim", (1, 2, 3, 7, 9, 10)) == "sim-[00001-00003,00007,00009-00010]"


def test_options_are_told_by_name() -> None:
    assert changed(Rates(), ["gpu=0.5", "user=0"]) == replace(Rates(), gpu=0.5, user=0.0)
    assert changed(Shape(), ["storm_lines=10"]).storm_lines == 10
    for wrong in ("gpus=1", "gpu=much", "gpu=-1", "gpu=nan", "gpu"):
        with pytest.raises(InputError):
            changed(Rates(), [wrong])
