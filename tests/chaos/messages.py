"""What the harness itself sends: good messages of invented hosts, as batches and as packs, and bad ones of many kinds; with
what must become of each.

Every message carries its number in a header, so that a verdict never rests on the product's own decoding."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from clusterctl import wire
from clusterctl.schema import EVENT, GPU_SAMPLE, HOST_SAMPLE, NIC_SAMPLE, SCHEMA_VERSION, Lane, Table
from tests.chaos.invariant import Row
from tests.chaos.rows import as_row

CLUSTER, BOOT = "chaos", "00000000-0000-4000-8000-000000000000"
HOSTS = 12
MOST_BATCHES = 5
HOUR_MS, SECOND_MS = 3_600_000, 1_000
LATE_MS, AHEAD_MS = 168 * HOUR_MS, 300 * SECOND_MS
"""How far a row's time may lie from the broker's clock, by default."""
OFF_MS = tuple(hours * HOUR_MS for hours in (-400, -169, -168, -100, -1)) + tuple(
    seconds * SECOND_MS for seconds in (3_000, 320, 301, 200, 30)
)
Numbered = tuple[int, msgspec.Struct]
"""A row and the number of its batch."""


def in_time(ts_ms: int, arrived_ms: int) -> bool:
    """Whether a row may be stored."""
    return arrived_ms - LATE_MS <= ts_ms <= arrived_ms + AHEAD_MS


@dataclass(frozen=True, slots=True)
class Sent:
    """One message and its fate. Without a table nothing of it may be stored."""

    number: int
    lane: Lane
    key: bytes
    value: bytes
    table: Table | None
    host: str
    rows: tuple[Numbered, ...]

    def stored(self, partition: int, offset: int, arrived_ms: int) -> list[Row]:
        """The rows that must be in the table if it lies there."""
        if self.table is None:
            return []
        place, kept = (partition, offset), [(seq, row) for seq, row in self.rows if in_time(row.ts, arrived_ms)]  # type: ignore[attr-defined]
        return [as_row(self.table, (CLUSTER, self.host, BOOT, seq), row, SCHEMA_VERSION, place) for seq, row in kept]

    def dead(self, arrived_ms: int) -> bool:
        """Whether there must be a dead letter."""
        return self.table is None or not all(in_time(row.ts, arrived_ms) for _, row in self.rows)  # type: ignore[attr-defined]


class Author:
    """Writes messages, one number after another. Rows of one host never share a time."""

    def __init__(self, seed: int, now_ms: int) -> None:
        self._chance = random.Random(seed)
        self._now_ms = now_ms
        self._number = 0

    def good(self, sent_ms: int) -> Sent:
        """Mostly samples, now and then an event; half of the samples as packs of some batches."""
        number, host = self._next()
        first = self._now_ms - 600_000 + number * MOST_BATCHES
        if number % 20 == 0:
            return self._message(EVENT, [[self._event(first, number)]], number, host, sent_ms)
        count = self._chance.choice([1, 1, 2, MOST_BATCHES])
        times = range(first, first + count)
        if number % 3 == 0:
            return self._message(GPU_SAMPLE, [self._gpus(host, ts) for ts in times], number, host, sent_ms)
        if number % 3 == 1:
            return self._message(NIC_SAMPLE, [self._ports(ts) for ts in times], number, host, sent_ms)
        return self._message(HOST_SAMPLE, [[self._host(ts)] for ts in times], number, host, sent_ms)

    def skewed(self, sent_ms: int) -> Sent:
        """From a host whose clock is off: by too much, by little, or for one of its batches."""
        number, host = self._next()
        batches = [self._ports(sent_ms + self._chance.choice(OFF_MS) + number * MOST_BATCHES)]
        if self._chance.random() < 0.3:
            batches.append(self._ports(sent_ms + number * MOST_BATCHES + 1))
        return self._message(NIC_SAMPLE, batches, number, host, sent_ms)

    def poison(self, sent_ms: int) -> Sent:
        """Not ours at all, of another version, of a table that nobody sends, cut off, or with values that cannot be."""
        number, host = self._next()
        chance, ports = self._chance, [self._ports(sent_ms), self._ports(sent_ms + 1)]
        row = self._host(sent_ms)
        good = _encoded(HOST_SAMPLE, [row], host, number, sent_ms)
        pack = wire.gather([_encoded(NIC_SAMPLE, rows, host, number, sent_ms) for rows in ports])
        value = chance.choice(
            [
                chance.randbytes(chance.randint(0, 300)),
                b"\xc1" + good,
                good[: len(good) // 2],
                pack[: len(pack) // 2],
                _retouched(good, 0, 99),
                _retouched(pack, 0, 99),
                good.replace(b"host_sample", b"lost_sample"),
                pack.replace(b"nic_sample", b"nic_simple"),
                _encoded(HOST_SAMPLE, [msgspec.structs.replace(row, period_ms=2**32)], host, number, sent_ms),
                _encoded(HOST_SAMPLE, [msgspec.structs.replace(row, uptime_s=-1)], host, number, sent_ms),
                _retouched(pack, PACK_ROWS, 7),
                _retouched(pack, PACK_BLOB, b"\xff" * 40),
                _retouched(pack, PACK_TEXTS, [["one"]]),
            ]
        )
        lane = chance.choice([Lane.SAMPLES, Lane.EVENTS])
        return Sent(number, lane, host.encode(), value, None, host, ())

    def _next(self) -> tuple[int, str]:
        self._number += 1
        return self._number, f"h{self._number % HOSTS}"

    @staticmethod
    def _message(
        table: Table, batches: Sequence[Sequence[msgspec.Struct]], number: int, host: str, sent_ms: int
    ) -> Sent:
        """One batch as it is, several as a pack."""
        numbered = [(number * MOST_BATCHES + place, rows) for place, rows in enumerate(batches)]
        encoded = [_encoded(table, rows, host, seq, sent_ms) for seq, rows in numbered]
        value = encoded[0] if len(encoded) == 1 else wire.gather(encoded)
        rows = tuple((seq, row) for seq, rows in numbered for row in rows)
        return Sent(number, table.lane or Lane.SAMPLES, host.encode(), value, table, host, rows)

    def _maybe(self, value: float) -> float | None:
        return value if self._chance.random() < 0.8 else None

    def _host(self, ts: int) -> msgspec.Struct:
        chance = self._chance
        load, busy = self._maybe(chance.randrange(999) / 8), self._maybe(chance.random())
        uptime = chance.randrange(9**9)
        return HOST_SAMPLE.row(ts=ts, period_ms=1_000, load_1m=load, cpu_busy_ratio=busy, uptime_s=uptime)

    def _ports(self, ts: int) -> list[msgspec.Struct]:
        chance = self._chance
        return [
            NIC_SAMPLE.row(
                ts=ts, port=f"mlx5_{port}/1", link_layer="infiniband", pci=f"0000:{port:02x}:00.0",
                link_up=chance.choice([0, 1, None]), rx_bytes=chance.randrange(2**63), tx_bytes=None,
            )
            for port in range(3)
        ]  # fmt: skip

    def _gpus(self, host: str, ts: int) -> list[msgspec.Struct]:
        chance = self._chance
        return [
            GPU_SAMPLE.row(
                ts=ts, gpu_uuid=f"GPU-{host}-{gpu}", gpu_index=gpu, pci=f"0000:{0x40 + gpu:02x}:00.0",
                power_mw=chance.choice([None, chance.randrange(700_000)]), energy_mj=chance.randrange(2**53),
                temp_c=chance.randint(-20, 110), util_ratio=self._maybe(chance.random()),
                job_id=chance.choice([None, "", "4711", "作业"]),
            )
            for gpu in range(8)
        ]  # fmt: skip

    def _event(self, ts: int, number: int) -> msgspec.Struct:
        return EVENT.row(
            ts=ts, last_ts=ts, count=1, kind="xid", code="95", severity="fail", source="chaos", source_seq=number,
            pci="0000:43:00.0", gpu_uuid="", process="p", driver_version="580", ts_source="kernel",
            text=f"line {number} \t'quoted' \\N", fields="{}", pid=number,
        )  # fmt: skip


PACK_ROWS, PACK_BLOB, PACK_TEXTS = 7, 9, 10
"""Places in a pack's envelope."""


def _encoded(table: Table, rows: Sequence[msgspec.Struct], host: str, seq: int, sent_ms: int) -> bytes:
    return wire.encode(table, rows, cluster=CLUSTER, host=host, boot_id=BOOT, seq=seq, sent_ms=sent_ms)


def _retouched(data: bytes, index: int, value: object) -> bytes:
    """The same envelope with another value at one place."""
    envelope = msgspec.msgpack.decode(data)
    envelope[index] = value
    return msgspec.msgpack.encode(envelope)
