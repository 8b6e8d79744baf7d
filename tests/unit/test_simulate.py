"""A simulated fleet sends what agents would: packs that are byte for byte what agents' packing makes of the same rows, taken
by the collector without a complaint, at the agents' times, with batches numbered without a gap."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import msgspec
import pytest

from clusterctl import packs, wire
from clusterctl.agent.schedule import phase_ms
from clusterctl.agent.tiers import MEDIUM, SLOW, Tiers
from clusterctl.bus import Partition, Record
from clusterctl.collector.assemble import columns_of
from clusterctl.collector.decode import TimeBounds, decode
from clusterctl.errors import InputError
from clusterctl.schema import (
    EVENT,
    FILESYSTEM_SAMPLE,
    GPU_HEALTH,
    GPU_LINK_SAMPLE,
    GPU_SAMPLE,
    HOST_SAMPLE,
    NIC_HEALTH,
    NIC_SAMPLE,
    PRESENCE,
    TABLE_BY_NAME,
    Lane,
)
from clusterctl.simulate.events import Events
from clusterctl.simulate.plan import IDLE, LOST, TRAINING, Plan, doing, hosts_of
from clusterctl.simulate.traffic import Outgoing, Traffic

NOW = 1_795_000_003_217
PLAN = Plan("sim", 400, 1.0)
ROUNDS = 13
"""A little more than a minute."""
BOUNDS = TimeBounds(10_000, 1_000)


def sent(plan: Plan, rounds: int = ROUNDS) -> Iterator[tuple[int, Outgoing]]:
    """Messages of the samples lane, each with its time."""
    traffic = Traffic(plan, NOW)
    slot_ms = plan.round_ms // plan.slots
    for number in range(rounds * plan.slots):
        due_ms = NOW + number * slot_ms
        for one in traffic.packs(number % plan.slots, due_ms):
            yield due_ms, one


@pytest.fixture(scope="module")
def messages() -> list[tuple[int, Outgoing]]:
    found = [*sent(PLAN), *sent(Plan("sim", 4_000, 1.0, part=51, parts=100, seed=2))]
    assert {doing(PLAN, number) for number in PLAN.numbers()} == {TRAINING, IDLE}
    return found


def test_every_pack_is_what_an_agent_makes_of_its_rows(messages: list[tuple[int, Outgoing]]) -> None:
    for _, one in messages:
        pack, shape = wire.receive(one.value)
        seqs, rows = packs.unpack(pack, shape)
        again = packs.pack(
            one.table,
            rows,
            seqs,
            cluster=pack.cluster,
            host=pack.host,
            boot_id=pack.boot_id,
            sent_ms=pack.sent_ms,
            schema=pack.schema,
        )
        assert msgspec.msgpack.encode(again) == one.value
        names = [name for name in one.table.key if name in one.table.struct.__struct_fields__]
        assert len({tuple(getattr(row, name) for name in names) for row in rows}) == one.rows
        there = sum(value is not None for row in rows for value in msgspec.structs.astuple(row))
        assert (len(rows), pack.host, there) == (one.rows, one.host, one.values)


def test_the_collector_takes_them_all(messages: list[tuple[int, Outgoing]]) -> None:
    by_table = defaultdict(list)
    for offset, (due_ms, one) in enumerate(messages):
        record = Record(Partition("t", 0), offset, due_ms, one.host.encode(), one.value)
        item, complaint = decode(record, BOUNDS)
        assert not complaint
        by_table[one.table].append(item)
    assert {table.name for table in by_table} == {
        name for name, table in TABLE_BY_NAME.items() if table.lane is Lane.SAMPLES
    } - {"mig_sample", "job_mark"}
    for table, items in by_table.items():
        columns = columns_of(table, items, 0)
        assert {len(column) for column in columns.values()} == {sum(item.rows for item in items)}


def test_batches_are_numbered_without_a_gap_and_never_twice(messages: list[tuple[int, Outgoing]]) -> None:
    numbers: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for _, one in messages:
        pack, shape = wire.receive(one.value)
        seqs, rows = packs.unpack(pack, shape)
        numbers[pack.boot_id] += {(seq, one.table.name, row.ts) for seq, row in zip(seqs, rows, strict=True)}
    for found in numbers.values():
        assert sorted(seq for seq, _, _ in found) == list(range(len(found)))


def test_ticks_are_those_of_the_agents(messages: list[tuple[int, Outgoing]]) -> None:
    """Each host on its own grid, no tick missing; slower tables at the ticks that the agent's own `Tiers` choose."""
    ticks: dict[tuple[str, str], list[int]] = defaultdict(list)
    for due_ms, one in messages:
        rows = packs.unpack(*wire.receive(one.value))[1]
        assert all(due_ms - 5_000 < row.ts <= due_ms for row in rows)
        ticks[one.host, one.table.name] += sorted({row.ts for row in rows})
    for host in {host for host, _ in ticks}:
        fast = ticks[host, "gpu_sample"]
        assert fast == list(range(fast[0], fast[-1] + 1, 1_000))
        assert fast[0] % 1_000 == phase_ms(host, 1_000)
        assert fast == ticks[host, "nic_sample"] == ticks[host, "host_sample"]
        tiers = Tiers(host, 10_000, 60_000)
        levels = {tick: tiers.level(tick) for tick in range(fast[0] - 1_000, fast[-1] + 1, 1_000)}
        for name, level in (("gpu_link_sample", MEDIUM), ("disk_sample", MEDIUM), ("gpu_health", SLOW)):
            assert ticks[host, name] == [tick for tick in fast if levels[tick] >= level]


def test_counters_grow_and_readings_follow_the_work() -> None:
    before: dict[tuple[str, str, str], int] = {}
    work: list[tuple[float, int]] = []
    for _, one in sent(Plan("sim", 32, 1.0), 6):
        if one.table not in (GPU_SAMPLE, NIC_SAMPLE, HOST_SAMPLE):
            continue
        for row in packs.unpack(*wire.receive(one.value))[1]:
            device = getattr(row, "gpu_uuid", getattr(row, "port", ""))
            for field in one.table.fields:
                value = getattr(row, field.name)
                if field.kind.value == "counter" and value is not None:
                    assert value >= before.get((one.host, device, field.name), 0)
                    before[one.host, device, field.name] = value
            if one.table is GPU_SAMPLE and row.util_ratio > 0.1:
                work.append((row.util_ratio, row.power_mw))
    busy = [power for level, power in work if level > 0.9]
    waiting = [power for level, power in work if level < 0.5]
    assert min(busy) > max(waiting) > 70_000
    assert max(busy) < 700_000


def test_what_hardware_does_not_have_is_missing_and_never_zero() -> None:
    """A GPU that does not answer keeps its row; a network mount has no fixed number of inodes; H100s have no NVLink 5."""
    plan = Plan("sim", 2_008, 1.0, part=251, parts=251)
    assert doing(plan, 250) == LOST
    rows = defaultdict(list)
    for _, one in sent(plan):
        rows[one.table] += packs.unpack(*wire.receive(one.value))[1]
    answers = Counter((row.gpu_index, row.power_mw is None, row.energy_mj is None) for row in rows[GPU_SAMPLE])
    ticks = ROUNDS * 5
    assert answers == {(gpu, gpu == 3, gpu == 3): ticks for gpu in range(8)}
    assert {row.gpu_index for row in rows[GPU_LINK_SAMPLE]} == set(range(8)) - {3}
    assert {(row.mount, row.inodes is None) for row in rows[FILESYSTEM_SAMPLE]} == {("/", False), ("/scratch", True)}
    assert all(row.nvlink_xmit_discards is None for row in rows[GPU_LINK_SAMPLE])
    assert all(row.retired_pages_sbe is None for row in rows[GPU_HEALTH])
    assert all(msgspec.json.decode(row.vendor) for row in rows[NIC_HEALTH])


def test_large_nodes_at_another_rate() -> None:
    plan = Plan("sim", 80, 10.0, gpus_per_node=16, ports_per_node=12)
    for _, one in sent(plan, 2):
        pack, shape = wire.receive(one.value)
        seqs, rows = packs.unpack(pack, shape)
        more = {name: getattr(pack, name) for name in ("cluster", "host", "boot_id", "sent_ms", "schema")}
        assert msgspec.msgpack.encode(packs.pack(one.table, rows, seqs, **more)) == one.value
        assert one.table is not HOST_SAMPLE or {row.period_ms for row in rows} == {100}
        assert one.table is not GPU_SAMPLE or len(rows) == 16 * 50


def test_parts_share_the_hosts_and_nothing_else() -> None:
    whole, halves = Plan("sim", 800, 1.0), [Plan("sim", 800, 1.0, part=part, parts=2) for part in (1, 2)]
    names = [
        {name for slot in hosts_of(plan, NOW) for hosts in slot for name in hosts.names} for plan in (whole, *halves)
    ]
    assert names[0] == names[1] | names[2]
    assert not names[1] & names[2]


def test_the_events_lane_has_a_presence_row_for_every_host_and_minute() -> None:
    """And a preliminary one before it, with the same key; inventory and jobs once. 50 hosts, 12 rounds of 5 s."""
    traffic = Traffic(PLAN, NOW)
    events = Events(PLAN, traffic.slots, NOW)
    rows, numbers, again = defaultdict(list), defaultdict(list), 0
    for number in range(24 * PLAN.slots):
        for one in events.messages(number % PLAN.slots, NOW + number * 250):
            decoded = wire.decode(one.value)
            rows[one.table.name] += [(one.host, row) for row in decoded.rows]
            numbers[one.host].append(decoded.batch.seq)
            again += one.again
    presence = rows["presence"]
    hosts = PLAN.nodes
    assert len({(host, row.ts) for host, row in presence}) == len(presence) - again == 3 * hosts
    whole = [row for _, row in presence if row.ticks_done == 60]
    assert len(whole) == hosts
    assert {row.ticks_expected for row in whole} == {60}
    assert len(rows["inventory"]) == hosts * 17
    assert len(rows["job"]) == sum(doing(PLAN, number) != IDLE for number in PLAN.numbers())
    assert all(found == list(range(len(found))) for found in numbers.values())
    assert {PRESENCE.name, "inventory", "job"} <= set(rows) <= {PRESENCE.name, "inventory", "job", EVENT.name}


@pytest.mark.parametrize(
    ("hz", "ticks", "round_ms"), [(1.0, 5, 5_000), (10.0, 50, 5_000), (0.1, 1, 10_000), (0.7, 3, 4_287)]
)
def test_rounds_follow_each_other_whatever_the_rate(hz: float, ticks: int, round_ms: int) -> None:
    plan = Plan("sim", 80, hz)
    assert (plan.ticks, plan.round_ms) == (ticks, round_ms)


def test_a_fleet_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError):
        Plan("sim", 12, 1.0)
    with pytest.raises(InputError):
        Plan("sim", 16, 1.0, part=3, parts=2)
