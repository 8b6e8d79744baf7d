"""The runner: what it keeps, when it tells, and what becomes of a subject that goes away."""

from __future__ import annotations

import itertools
import json
import threading
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.checks import CheckEvent, CheckRunner, NodeFacts, check, disabled_checks, event_values
from clusterctl.agent.checks.history import Depth, History
from clusterctl.agent.checks.runner import MOST_SUBJECTS
from clusterctl.config import ChecksConfig
from clusterctl.errors import ConfigError
from clusterctl.schema import (
    EVENT,
    FILESYSTEM_SAMPLE,
    GPU_HEALTH,
    GPU_LINK_SAMPLE,
    GPU_SAMPLE,
    HOST_SAMPLE,
    NIC_LINK_SAMPLE,
    NIC_SAMPLE,
    NVLINK_SAMPLE,
)
from clusterctl.schema.verdict import Action, State
from tests.support.clock import HandClock
from tests.support.readings import START_MS, UUID, series

STEP_MS = 10_000


class Node:
    """A runner, its clock, and one GPU whose margin the test sets."""

    def __init__(self, **limits: Any) -> None:
        self.clock = HandClock(START_MS)
        self.runner = CheckRunner(ChecksConfig(**limits), self.clock)

    def tick(self, margin: int | None) -> list[CheckEvent]:
        """One step later: a reading, and a run. News about heat only."""
        self.clock.sleep_s(STEP_MS / 1_000)
        now_ms = self.clock.now_ms()
        self.runner.note("gpu_sample", series(GPU_SAMPLE, start_ms=now_ms, temp_margin_c=margin))
        return self.news(now_ms)

    def news(self, now_ms: int) -> list[CheckEvent]:
        return [event for event in self.runner.run(now_ms) if event.check == "thermal_margin"]

    def states(self, margins: list[int | None]) -> list[list[str]]:
        return [[event.state.word for event in self.tick(margin)] for margin in margins]


def test_only_changes_are_told() -> None:
    assert Node().states([26, 26, 3, 3, 3, -1, -1]) == [[], [], ["warn"], [], [], ["fail"], []]


def test_fine_is_believed_at_the_second_time() -> None:
    assert Node().states([3, 26, 3, 26, 26, 26]) == [["warn"], [], [], [], ["ok"], []]
    assert Node().states([-1, 3, 26, 26]) == [["fail"], [], [], ["ok"]], "two different improvements are not one twice"


def test_what_can_no_longer_be_read_is_told_at_the_second_time() -> None:
    assert Node().states([26, None, 26, 26, None, None, None, 26, 26]) == [
        [], [], [], [], [], ["unknown"], [], [], ["ok"],
    ]  # fmt: skip
    assert Node().states([-1, None, None, None]) == [["fail"], [], ["unknown"], []]


def test_what_never_could_be_read_is_no_news_and_a_state() -> None:
    node = Node()
    assert node.states([None] * 4) == [[]] * 4
    [state] = [event for event in node.runner.states() if event.check == "thermal_margin"]
    assert state.state is State.UNKNOWN
    assert node.states([26, 26]) == [[], []], "nor is it news that it can be read at last"


def test_a_failure_is_told_again_every_hour() -> None:
    node = Node()
    told = [n for n, news in enumerate(node.states([-1] * 800)) if news]
    assert told == [0, 360, 720]
    warned = Node()
    assert sum(map(len, warned.states([3] * 800))) == 1, "a warning is told once"


def test_another_repair_is_news() -> None:
    node = Node()
    events = []
    for action in (1, 1, 2):
        node.clock.sleep_s(10.0)
        rows = series(GPU_SAMPLE, start_ms=node.clock.now_ms(), recovery_action=action)
        node.runner.note("gpu_sample", rows)
        events += [e.action for e in node.runner.run(node.clock.now_ms()) if e.check == "recovery_action"]
    assert events == [Action.RESET_GPU, Action.REBOOT_NODE]


def test_a_silent_gpu_is_unknown_and_at_last_forgotten() -> None:
    node = Node()
    node.tick(-1)
    node.clock.sleep_s(181.0)
    news = []
    for _ in range(3):
        node.clock.sleep_s(10.0)
        news += node.news(node.clock.now_ms())
    assert [(event.state.word, event.detail) for event in news] == [("unknown", "no row for 201 s")]
    node.clock.sleep_s(3_600.0)
    assert node.news(node.clock.now_ms()) == [], "it was told that it is unknown"
    assert node.runner.states() == []


def test_a_mount_that_is_gone_is_forgotten_at_once() -> None:
    node = Node()
    rows = series(FILESYSTEM_SAMPLE, hung=1) + series(FILESYSTEM_SAMPLE, mount="/scratch", hung=0, latency_us=9)
    node.runner.note("filesystem_sample", rows)
    assert [event.subject for event in node.runner.run(START_MS)] == ["/data"]
    node.runner.note("filesystem_sample", rows[1:])
    [gone] = node.runner.run(START_MS)
    assert (gone.state.word, gone.detail) == ("unknown", "the mount is no longer there")
    assert {event.subject for event in node.runner.states()} == {"/scratch"}


def test_ports_without_hardware_are_not_judged() -> None:
    node = Node()
    node.runner.note("nic_sample", series(NIC_SAMPLE, port="veth1a2b", pci="", link_up=0))
    node.runner.note("nic_link_sample", series(NIC_LINK_SAMPLE, port="veth1a2b", pci=""))
    node.runner.run(START_MS)
    assert node.runner.states() == []


def test_a_port_that_goes_is_missed() -> None:
    node = Node()
    news = []
    for n in range(6):
        now_ms = START_MS + n * STEP_MS
        ports = ["mlx5_0/1", "mlx5_1/1"] if n < 2 else ["mlx5_0/1"]
        node.runner.note("nic_sample", [series(NIC_SAMPLE, start_ms=now_ms, port=port, link_up=1)[0] for port in ports])
        news.append([event.detail for event in node.runner.run(now_ms) if event.check == "nic_missing"])
    assert news == [[], [], [], [], ["gone: mlx5_1/1"], []]


def test_gpus_are_compared_with_the_others_of_the_node() -> None:
    node = Node()
    for n in range(31):
        now_ms = START_MS + n * STEP_MS
        for gpu in range(8):
            clock = 1_500 if gpu == 3 else 1_900
            columns = {"gpu_uuid": f"GPU-{gpu}", "sm_clock_mhz": clock, "util_ratio": 1.0, "power_mw": 600_000}
            node.runner.note("gpu_sample", series(GPU_SAMPLE, start_ms=now_ms, throttle_mask=4, **columns))
    news = node.runner.run(START_MS + 30 * STEP_MS)
    assert [(event.check, event.subject) for event in news] == [("clocks_below_neighbours", "GPU-3")]


def state_of(node: Node, check_name: str) -> State:
    """Where a check stands that has one subject."""
    [event] = [event for event in node.runner.states() if event.check == check_name]
    return event.state


def test_a_check_sees_the_other_tables_of_its_gpu_and_node() -> None:
    node = Node()
    node.runner.note("gpu_health", series(GPU_HEALTH, temp_slowdown_c=89, pcie_gen=5, pcie_gen_max=5, pcie_width=16))
    node.runner.note("gpu_sample", series(GPU_SAMPLE, temp_c=89, pcie_replays=[0, 40]))
    node.runner.note("gpu_link_sample", series(GPU_LINK_SAMPLE, pcie_fatal_errors=[0, 0], pcie_nonfatal_errors=[0, 0]))
    node.runner.note("host_sample", series(HOST_SAMPLE, uptime_s=5))
    node.runner.note("nic_sample", series(NIC_SAMPLE, link_up=1))
    node.runner.run(START_MS)
    assert state_of(node, "thermal_margin") is State.FAIL
    assert state_of(node, "pcie_errors") is State.WARN
    assert [event.detail for event in node.runner.states() if event.check == "nic_errors"] == [
        "links settle after boot"
    ]


def test_a_check_of_a_port_sees_its_slower_counters_while_they_are_fresh() -> None:
    node = Node()
    node.runner.note("nic_link_sample", series(NIC_LINK_SAMPLE, saturated_mask=1))
    node.runner.note("nic_link_sample", series(NIC_LINK_SAMPLE, port="mlx5_1/1", saturated_mask=2))
    node.runner.note("nic_sample", series(NIC_SAMPLE, saturated_mask=0))
    node.runner.run(START_MS)
    [told] = [event.detail for event in node.runner.states() if event.check == "nic_saturated"]
    assert told == "at the top: port_rcv_remote_physical_errors"
    later_ms = START_MS + 181_000
    node.runner.note("nic_sample", series(NIC_SAMPLE, start_ms=later_ms, saturated_mask=0))
    node.runner.run(later_ms)
    node.runner.run(later_ms)
    assert state_of(node, "nic_saturated") is State.UNKNOWN


def test_what_is_stale_is_not_seen() -> None:
    node = Node()
    node.runner.note("gpu_health", series(GPU_HEALTH, temp_slowdown_c=89))
    later_ms = START_MS + 181_000
    node.runner.note("gpu_sample", series(GPU_SAMPLE, start_ms=later_ms, temp_c=89))
    node.runner.run(later_ms)
    assert state_of(node, "thermal_margin") is State.UNKNOWN


def test_facts_of_the_node() -> None:
    node = Node()
    node.runner.facts(NodeFacts(START_MS, gpus_expected=8, gpus_on_bus=7, gpus_seen=7))
    [event] = node.runner.run(START_MS)
    assert (event.check, event.kind, event.subject, event.gpu_uuid) == ("gpu_missing", "node", "", "")


def test_a_table_that_no_check_reads_is_not_kept() -> None:
    node = Node()
    node.runner.note("disk_sample", [object()])
    assert node.runner.run(START_MS) == []


def test_subjects_are_bounded_and_what_is_left_out_is_counted() -> None:
    node = Node()
    node.runner.note("gpu_sample", [series(GPU_SAMPLE, gpu_uuid=f"GPU-{n}")[0] for n in range(MOST_SUBJECTS + 5)])
    node.runner.run(START_MS)
    assert len({event.subject for event in node.runner.states() if event.check == "thermal_margin"}) == MOST_SUBJECTS
    assert node.runner.ignored == 5


@pytest.mark.parametrize(("table", "most"), [(GPU_SAMPLE, 41), (NIC_SAMPLE, 113), (NVLINK_SAMPLE, 1)])
def test_histories_are_bounded_and_reach_back(table: Any, most: int) -> None:
    history = History(table.name)
    for row in series(table, step_s=1.0)[:1]:
        for n in range(8 * 3_600):
            history.add(table.struct(START_MS + n * 1_000, *list(_rest(row))))
    rows = history.rows()
    assert len(rows) == most
    assert [row.ts for row in rows] == sorted(row.ts for row in rows)
    if most > 1:
        assert [rows[-n].ts - rows[-n - 1].ts for n in range(1, 10)] == [1_000] * 9, "the last ten seconds in full"
        steps = [(after.ts - before.ts) // 1_000 for before, after in itertools.pairwise(rows)]
        assert steps[-39:-10] == [10] * 29, "one in ten seconds before them"
        assert set(steps[:-41]) <= {300}, "one in five minutes before those"
        assert rows[-1].ts - rows[0].ts >= (6 * 3_600_000 if most == 113 else 300_000)


def _rest(row: Any) -> Any:
    return msgspec.structs.astuple(row)[1:]


def test_two_rows_of_one_moment_are_both_kept() -> None:
    history = History("gpu_sample")
    for row in series(GPU_SAMPLE) * 2:
        history.add(row)
    assert len(history.rows()) == 2


def test_when_a_subject_is_stale() -> None:
    node = Node()
    node.runner.note("gpu_sample", series(GPU_SAMPLE, temp_margin_c=26))
    for later_s, state in ((180, State.OK), (181, State.UNKNOWN)):
        node.runner.run(START_MS + later_s * 1_000)
        [heat] = [event for event in node.runner.states() if event.check == "thermal_margin"]
        assert heat.state is state


@given(st.lists(st.integers(0, 10**7), max_size=300))
def test_a_history_is_always_in_order(stamps: list[int]) -> None:
    history = History("nic_sample")
    for ts in stamps:
        history.add(NIC_SAMPLE.row(ts=ts, port="p", link_layer="ethernet", pci=""))
        kept = [row.ts for row in history.rows()]
        assert kept == sorted(kept)
        assert kept[-1] == ts
        assert len(kept) <= Depth(coarse=72).newest + 31 + 72


def test_a_check_can_be_turned_off() -> None:
    assert Node(disabled="thermal_margin, optics").states([-1, -1]) == [[], []]
    assert disabled_checks(ChecksConfig(disabled=" optics ,")) == {"optics"}


def test_a_name_that_is_no_check_is_refused() -> None:
    with pytest.raises(ConfigError, match="no check is called 'thermal'"):
        Node(disabled="thermal")


def test_a_check_that_is_declared_wrongly_is_refused() -> None:
    def nameless(recent: Any, limits: Any) -> Any: ...

    def curious(recent: Any, limits: Any, weather: Any) -> Any:
        """Asks for what there is not."""

    for function, per in ((nameless, "gpu"), (curious, "gpu"), (curious, "port")):
        with pytest.raises(TypeError, match="declared wrongly"):
            check(needs=GPU_SAMPLE, per=per)(function)


def test_an_event_fits_its_table_whatever_the_subject_is_called() -> None:
    node = Node()
    hostile = "/mnt/" + "\x1b\U0001f600" * 200
    node.runner.note("filesystem_sample", series(FILESYSTEM_SAMPLE, mount=hostile, hung=1))
    node.runner.note("gpu_sample", series(GPU_SAMPLE, temp_margin_c=-1))
    events = {event.check: event for event in node.runner.run(START_MS)}
    values = event_values(events["thermal_margin"])
    assert (values["kind"], values["code"], values["severity"]) == ("check", "thermal_margin", "fail")
    assert (values["gpu_uuid"], values["pci"]) == (UUID, "0000:1b:00.0")
    assert json.loads(values["fields"]) == {
        "subject_kind": "gpu",
        "subject": UUID,
        "detail": "-1 °C left before the GPU slows down",
        "action": "inspect_cooling",
    }
    for event in events.values():
        EVENT.row(source_seq=1, driver_version="", **event_values(event))
        assert len(event_values(event)["fields"]) <= 4_096
        assert event_values(event)["text"].isprintable()
    assert node.states([26, 26])[1] == ["ok"]


@given(st.text(max_size=600), st.text(max_size=600))
def test_any_text_fits_and_can_be_sent(subject: str, detail: str) -> None:
    event = CheckEvent(START_MS, "optics", "port", subject, State.WARN, detail, Action.NONE)
    row = EVENT.row(source_seq=1, driver_version="", **event_values(event))
    assert len(event_values(event)["fields"]) <= 4_096
    assert all(value.isprintable() for value in json.loads(event_values(event)["fields"]).values())
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(row), type=EVENT.struct) == row


def test_a_clock_that_is_set_back_does_not_keep_a_silent_gpu_alive() -> None:
    node = Node()
    node.tick(26)
    node.clock.step_ms(-3_000_000)
    node.news(node.clock.now_ms())
    [state] = [event for event in node.runner.states() if event.check == "thermal_margin"]
    assert state.state is State.UNKNOWN


def test_rows_may_come_while_it_judges() -> None:
    """Readings of GPUs come from a thread of their own."""
    node = Node()
    stop = threading.Event()

    def probe() -> None:
        n = 0
        while not stop.is_set():
            node.runner.note("gpu_sample", series(GPU_SAMPLE, gpu_uuid=f"GPU-{n % 900}", temp_margin_c=26))
            n += 1

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        for _ in range(30):
            node.runner.run(START_MS)
            node.runner.states()
    finally:
        stop.set()
        thread.join(timeout=10)
    assert not thread.is_alive()
