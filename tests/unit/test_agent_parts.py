"""Ticks, minutes, and the way out: schedule, presence, publisher."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.facts import Facts
from clusterctl.agent.outbox import Outbox
from clusterctl.agent.presence import MinuteBook, Seen
from clusterctl.agent.publish import Publisher, Window
from clusterctl.agent.schedule import Ticker, phase_ms
from clusterctl.bus import Done, Message, Partition, Record, topic_of
from clusterctl.bus.spool import SpoolBus
from clusterctl.clock import SystemClock
from clusterctl.config import load
from clusterctl.errors import BusError, BusUnavailable, RecordTooLarge
from clusterctl.schema import EVENT, HOST_SAMPLE, Lane
from tests.support.cli import wait_for
from tests.support.clock import HandClock
from tests.support.wirehelp import host_batch


def test_ticks_stand_on_the_grid_plus_the_hosts_phase() -> None:
    clock = HandClock()
    ticker = Ticker(1_000, 362, clock)
    times = []
    for _ in range(5):
        tick = ticker.next_ms()
        while not ticker.wait(tick, 0.25):
            pass
        times.append(tick)
        ticker.served(tick)
    assert [tick % 1_000 for tick in times] == [362] * 5
    assert [b - a for a, b in pairwise(times)] == [1_000] * 4
    assert ticker.missed == 0


def test_a_late_agent_skips_and_counts_instead_of_catching_up() -> None:
    clock = HandClock()
    ticker = Ticker(1_000, 0, clock)
    first = ticker.next_ms()
    clock.sleep_s(5.5)
    late = ticker.next_ms()
    assert late > clock.now_ms() - 1_000
    assert ticker.missed == (late - first) // 1_000


def test_a_clock_set_back_does_not_stop_the_agent() -> None:
    clock = HandClock()
    ticker = Ticker(1_000, 0, clock)
    ticker.served(ticker.next_ms())
    clock.step_ms(-3_600_000)
    assert ticker.next_ms() - clock.now_ms() <= 1_000


@given(st.text(max_size=30), st.integers(100, 60_000))
def test_a_phase_is_the_hosts_own_and_stays(host: str, period: int) -> None:
    assert 0 <= phase_ms(host, period) < period
    assert phase_ms(host, period) == phase_ms(host, period)


def test_phases_spread_over_the_period() -> None:
    phases = [phase_ms(f"gpu-{number:05}", 10_000) // 1_000 for number in range(12_500)]
    counts = [phases.count(second) for second in range(10)]
    assert max(counts) < 1.2 * min(counts)


MINUTE = 1_700_000_040_000 // 60_000 * 60_000


def test_a_minute_is_one_row_and_knows_what_it_missed() -> None:
    book = MinuteBook(10_000)
    seen = Seen(8, 7, ("kmsg:denied",))
    first: Any = book.tick(MINUTE + 3_000, seen, 0)[0]
    assert (first.ts, first.ticks_done, first.ticks_expected) == (MINUTE, 1, 1), "known at once"
    assert [book.tick(MINUTE + offset, seen, 0) for offset in (13_000, 33_000)] == [[], []]
    row: Any = book.tick(MINUTE + 63_000, seen, 5)[0]
    assert (row.ts, row.ticks_done, row.ticks_expected) == (MINUTE, 3, 6)
    assert (row.gpus_expected, row.gpus_seen, row.gpus_in_service) == (8, 7, 7)
    assert row.gpus_allocated is None
    assert row.blind == "kmsg:denied"


def test_a_minute_without_nvml_is_unknown_not_zero() -> None:
    book = MinuteBook(10_000)
    book.tick(MINUTE, Seen(8, None, ("gpu:nvml_hung",)), 0)
    row: Any = book.close(MINUTE + 60_000)[0]
    assert row.gpus_seen is None
    assert row.gpus_in_service is None
    assert row.node_state == "unknown"


def test_a_node_without_gpus_has_no_exposure_and_that_is_known() -> None:
    book = MinuteBook(10_000)
    book.tick(MINUTE, Seen(0, None, ("gpu:no_NVIDIA_driver",)), 0)
    row: Any = book.close(MINUTE + 60_000)[0]
    assert row.gpus_in_service == 0


@given(st.permutations(range(20)))
def test_the_position_moves_over_a_settled_prefix_only(order: Sequence[int]) -> None:
    window = Window()
    for offset in range(20):
        window.took(offset)
    settled: set[int] = set()
    for offset in order:
        window.settle(offset)
        settled.add(offset)
        prefix = next((n for n in range(20) if n not in settled), 20)
        assert window.position == (prefix or None)


class Broker:
    """A producer whose answers the test gives."""

    def __init__(self) -> None:
        self.due: list[tuple[Message, Done]] = []
        self.closed = False

    def send(self, message: Message, done: Done) -> None:
        self.due.append((message, done))

    def answer(self, error: BusError | None = None) -> list[bytes]:
        due, self.due = self.due, []
        for _, done in due:
            done(error)
        return [message.value for message, _ in due]

    def close(self, timeout_s: float) -> None:
        self.closed = True


class Nobody:
    def assigned(self, partitions: Sequence[Partition]) -> None: ...

    def revoked(self, partitions: Sequence[Partition]) -> None: ...

    def lost(self, partitions: Sequence[Partition]) -> None: ...


@pytest.fixture
def spool(tmp_path: Path) -> SpoolBus:
    bus = SpoolBus(str(tmp_path), 10_000_000)
    writer = bus.writer("t")
    for number in range(100):
        writer.append(b"h", number.to_bytes(2, "big"), (), 0)
    writer.close()
    return bus


def publisher(spool: SpoolBus, brokers: list[Broker], clock: HandClock, *, in_flight: int = 8) -> Publisher:
    def make() -> Broker:
        brokers.append(Broker())
        return brokers[-1]

    consumer = spool.consumer(["t"], "publisher", Nobody())
    return Publisher(consumer, make, clock, max_in_flight=in_flight, stuck_after_s=150.0)


def committed(spool: SpoolBus) -> int | None:
    position = spool.consumer(["t"], "publisher", Nobody()).committed(Partition("t", 0))
    return position.offset if position else None


def test_no_more_in_flight_than_allowed(spool: SpoolBus) -> None:
    brokers: list[Broker] = []
    out = publisher(spool, brokers, HandClock())
    for _ in range(5):
        out.step()
    assert len(brokers[0].due) == 8


def test_an_entry_leaves_the_spool_when_it_is_acknowledged(spool: SpoolBus) -> None:
    brokers: list[Broker] = []
    out = publisher(spool, brokers, HandClock())
    out.step()
    out.commit()
    assert committed(spool) is None
    got = []
    while len(got) < 100:
        got += brokers[0].answer()
        out.step()
    out.commit()
    assert got == [number.to_bytes(2, "big") for number in range(100)]
    assert committed(spool) == 100
    assert out.sent == 100


def test_a_refused_record_is_dropped_and_counted_and_the_rest_goes_on(spool: SpoolBus) -> None:
    brokers: list[Broker] = []
    out = publisher(spool, brokers, HandClock(), in_flight=1)
    out.step()
    brokers[0].answer(RecordTooLarge("too large"))
    while out.sent == 0:
        out.step()
        brokers[0].answer()
    out.commit()
    assert (out.refused, out.sent, committed(spool)) == (1, 1, 2)


def test_a_failed_send_is_sent_again(spool: SpoolBus) -> None:
    brokers: list[Broker] = []
    out = publisher(spool, brokers, HandClock())
    out.step()
    brokers[0].answer(BusUnavailable("away"))
    got: list[bytes] = []
    for _ in range(40):
        out.step()
        got += brokers[0].answer()
    assert sorted(got) == [number.to_bytes(2, "big") for number in range(100)]


def test_a_producer_that_says_nothing_is_replaced_and_its_entries_sent_again(spool: SpoolBus) -> None:
    clock = HandClock()
    brokers: list[Broker] = []
    out = publisher(spool, brokers, clock)
    out.step()
    clock.sleep_s(151.0)
    out.step()
    assert out.rebuilt == 1
    assert brokers[0].closed
    out.step()
    assert len(brokers) == 2
    late = brokers[0].answer()
    assert late, "a verdict of the old one that comes after all changes nothing"
    out.step()
    assert out.sent == 0
    got: list[bytes] = []
    for _ in range(40):
        got += brokers[1].answer()
        out.step()
    assert sorted(got) == [number.to_bytes(2, "big") for number in range(100)]


def test_events_are_sent_at_once_and_samples_together(tmp_path: Path) -> None:
    config = load(None, {"CLUSTERCTL_SITE_DATA_DIR": str(tmp_path)})
    bus, clock, stop = SpoolBus(str(tmp_path / "spool"), 10_000_000), SystemClock(), threading.Event()
    outbox = Outbox(config, bus, "boot", clock)
    brokers: list[Broker] = []
    consumer = bus.consumer([topic_of(lane, config) for lane in Lane], "publisher", Nobody())
    out = Publisher(
        consumer, lambda: brokers.append(Broker()) or brokers[-1], clock, max_in_flight=64, stuck_after_s=150.0,
        news=outbox.urgent, rest_s=1.5,
    )  # fmt: skip
    thread = threading.Thread(target=out.run, args=(stop, 0.0))
    thread.start()
    try:
        time.sleep(0.2)
        outbox.put(HOST_SAMPLE, [HOST_SAMPLE.row(ts=1, period_ms=1_000)])
        time.sleep(0.5)
        assert not brokers, "samples wait"
        outbox.put(EVENT, [Facts(clock).event("agent", "x", "info")])
        assert wait_for(lambda: bool(brokers) and len(brokers[0].due) == 2, 0.6, 0.02), (
            "an event does not, and takes them along"
        )
        brokers[0].answer()
        outbox.put(HOST_SAMPLE, [HOST_SAMPLE.row(ts=2, period_ms=1_000)])
        assert wait_for(lambda: len(brokers[0].due) == 1, 3.0, 0.02), "and without one they go after a while"
        brokers[0].answer()
    finally:
        stop.set()
        outbox.urgent.set()
        thread.join(5.0)
        outbox.close()
    assert out.sent == 3


def test_a_batch_that_does_not_pass_goes_alone_and_holds_nobody() -> None:
    """An agent was updated over a spool of another version, say."""
    from clusterctl.agent.parcel import parcels

    topic = Partition("s", 0)
    good = [Record(topic, number, 0, b"h", host_batch("h", number, 5)) for number in range(6)]
    mixed = [*good[:3], Record(topic, 3, 0, b"h", good[3].value[:-30] + b"\xc1" * 30), *good[4:]]
    assert [len(parcel.records) for parcel in parcels(good, ["s"])] == [6]
    sent = parcels(mixed, ["s"])
    assert sorted(record.offset for parcel in sent for record in parcel.records) == list(range(6))
