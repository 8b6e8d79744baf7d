"""The collector against ClickHouse's own Kafka table engine: the same GPU rows, the same table, the same cores.

The engine gets rows in JSONEachRow, in RowBinary and as Native blocks, a message for each pack of 40 rows, and writes through
a materialised view into the table that the collector writes into. Consumers are pinned to one core, which the collector
shares with the server, everything else to another; they run already when the rows come, faster than they are taken.
CLUSTERCTL_BENCH_ROWS says how many. The engine stores at least once and checks nothing; the collector stores once and checks
each value, so this is not the same work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import msgspec
import numpy as np
import psutil

from clusterctl import wire
from clusterctl.bus import Partition, Record, topic_of
from clusterctl.bus.kafka import KafkaBus
from clusterctl.bus.record_batch import field, headers, record_batch
from clusterctl.collector.assemble import columns_of
from clusterctl.collector.decode import Item
from clusterctl.config import Config, load
from clusterctl.schema import GPU_SAMPLE, Lane
from clusterctl.simulate.plan import TRAINING, Plan, doing
from clusterctl.simulate.traffic import Traffic
from clusterctl.store import Store, open_store
from clusterctl.store.columnar import Numbers
from clusterctl.store.native import encode, named, varint
from tests.bench.servers import both
from tests.bench.watch import cpu_s
from tests.support.cli import Running, ok, wait_for
from tests.support.wirehelp import now_ms

ROWS = int(os.environ.get("CLUSTERCTL_BENCH_ROWS", "1000000"))
PARTITIONS, PACKS_PER_BATCH, BLOCK_ROWS = 4, 32, 100_000
BROKER_CORES, CORES = [0], [1]
OURS = ("bus_partition", "bus_offset")
"""What the collector adds and the view takes from the engine's own columns."""
SENT = [column for column in GPU_SAMPLE.columns if not column.default and column.name not in OURS]


def packs() -> Iterator[bytes]:
    """Packs of hosts that train, as many as make ROWS rows."""
    plan = Plan("sim", 16_000, 1.0)
    began_ms, left = now_ms() - 3_600_000, ROWS
    traffic = Traffic(plan, began_ms)
    number = 0
    while True:
        for one in traffic.packs(number % plan.slots, began_ms + number * 250):
            if one.table is GPU_SAMPLE and doing(plan, int(one.host.rsplit("-", 1)[1])) == TRAINING:
                yield one.value
                left -= one.rows
                if left <= 0:
                    return
        number += 1


def _item(value: bytes) -> Item:
    pack, shape = wire.receive(value)
    return Item(0, Record(Partition("", 0), 0, 0, b"", value), pack, shape)


def native(value: bytes) -> bytes:
    """One block."""
    item = _item(value)
    columns = columns_of(GPU_SAMPLE, [item], 0)
    parts: list[bytes | memoryview] = [varint(len(SENT)) + varint(item.rows)]
    for column in SENT:
        parts += [named(column.name, column.column_type()), *encode(column.column_type(), columns[column.name])]
    return b"".join(parts)


def json_rows(value: bytes) -> bytes:
    """A JSON object a line."""
    columns = columns_of(GPU_SAMPLE, [_item(value)], 0)
    lists = [list(columns[column.name]) for column in SENT]
    names = [column.name for column in SENT]
    return b"".join(msgspec.json.encode(dict(zip(names, row, strict=True))) + b"\n" for row in zip(*lists, strict=True))


def row_binary(value: bytes) -> bytes:
    """A row after the other; all texts of a column are of one length here, so that rows are a structured array."""
    columns = columns_of(GPU_SAMPLE, [_item(value)], 0)
    made: list[tuple[str, object, object]] = []
    for column in SENT:
        given = columns[column.name]
        if column.nullable:
            gone = given.missing if isinstance(given, Numbers) else None
            made.append((f"{column.name} null", np.uint8, np.zeros(len(given), np.uint8) if gone is None else gone))
        if isinstance(given, Numbers):
            made.append((column.name, given.values.dtype, given.values))
        else:
            texts = np.array([varint(len(str(key))) + str(key).encode() for key in given.keys])
            made.append((column.name, texts.dtype, texts[given.index]))
    rows = np.zeros(len(given), np.dtype([(name, kind) for name, kind, _ in made]))  # type: ignore[arg-type, misc]
    for name, _, values in made:
        rows[name] = values
    return rows.tobytes()


def batches_of(values: Iterator[bytes]) -> tuple[list[bytes], int]:
    """Record batches of them, and their bytes before compression."""
    found, batch, size, end = list[bytes](), list[tuple[bytes, bytes, bytes]](), 0, headers(wire.PACK_HEADERS)
    for value in values:
        size += len(value)
        batch.append((field(b"k"), value, end))
        if len(batch) == PACKS_PER_BATCH:
            found.append(record_batch(batch, now_ms()))
            batch = []
    return [*found, *([record_batch(batch, now_ms())] if batch else [])], size


def produce(config: Config, batches: Sequence[bytes]) -> None:
    """All of them, acknowledged."""
    topic, verdicts = topic_of(Lane.SAMPLES, config), list[object]()
    bulk = KafkaBus(config).bulk([topic])
    for number, batch in enumerate(batches):
        bulk.send(topic, {number % PARTITIONS: batch}, verdicts.append)
    bulk.close(60.0)
    assert verdicts == [None] * len(batches)


def pin(process: psutil.Process, cores: Sequence[int]) -> None:
    """All threads of a process; those to come are born where their parents are."""
    for thread in process.threads():
        os.sched_setaffinity(thread.id, cores)


def measure(
    store: Store, config: Config, batches: Sequence[bytes], rows: int, processes: Sequence[psutil.Process]
) -> tuple[float, float]:
    """Rows a second from the first one sent to the last one stored, and CPU seconds for a million of them. The first batch
    shows that the consumer runs, and is not counted."""
    sql = "SELECT count() FROM gpu_sample"
    produce(config, batches[:1])
    assert wait_for(lambda: store.query(sql).rows[0][0] > 0, 120, 0.1)
    first, began_s, cpu = store.query(sql).rows[0][0], time.monotonic(), sum(map(cpu_s, processes))
    produce(config, batches[1:])
    assert wait_for(lambda: store.query(sql).rows[0][0] >= rows, 300, 0.1), store.query(sql).rows
    done = rows - first
    return done / (time.monotonic() - began_s), 1e6 * (sum(map(cpu_s, processes)) - cpu) / done


def engine(
    store: Store, config: Config, form: str, batches: Sequence[bytes], rows: int, server: psutil.Process
) -> tuple[float, float]:
    """The Kafka engine, its rows through a view."""
    topic = topic_of(Lane.SAMPLES, config)
    columns = ", ".join(f"{column.name} {column.column_type()}" for column in SENT)
    names = ", ".join(column.name for column in SENT)
    store.execute("TRUNCATE TABLE gpu_sample")
    store.execute(
        f"CREATE TABLE source ({columns}) ENGINE = Kafka SETTINGS kafka_broker_list = '{config.bus.bootstrap_servers}', "
        f"kafka_topic_list = '{topic}', kafka_group_name = '{topic}', kafka_format = '{form}', kafka_num_consumers = 1, "
        f"kafka_max_block_size = {BLOCK_ROWS}, kafka_poll_max_batch_size = {BLOCK_ROWS}, "
        "kafka_flush_interval_ms = 5000"
    )
    store.execute(
        f"CREATE MATERIALIZED VIEW mover TO gpu_sample AS SELECT {names}, toUInt16(_partition) AS bus_partition, "
        "_offset AS bus_offset FROM source"
    )
    try:
        return measure(store, config, batches, rows, [server])
    finally:
        store.execute("DROP VIEW mover")
        store.execute("DROP TABLE source")


def collector(
    store: Store, env: dict[str, str], batches: Sequence[bytes], rows: int, server: psutil.Process
) -> tuple[float, float]:
    """`clusterctl collect`, on the server's core."""
    store.execute("TRUNCATE TABLE gpu_sample")
    with Running(env, "collect") as running:
        process = psutil.Process(running.process.pid)
        pin(process, CORES)
        found = measure(store, load(None, env), batches, rows, [process, server])
        running.process.terminate()
        running.process.wait(40.0)
    return found


FORMS: dict[str, Callable[[bytes], bytes]] = {"Native": native, "RowBinary": row_binary, "JSONEachRow": json_rows}


def main() -> None:
    with both(("-Xmx1g",), direct=True) as (env, kafka, clickhouse):
        env["CLUSTERCTL_BUS_SAMPLES_PARTITIONS"] = str(PARTITIONS)
        config = load(None, env)
        ok(env, "topics", "apply")
        ok(env, "migrate")
        store = open_store(config)
        if not store.query("SELECT count() FROM system.table_engines WHERE name = 'Kafka'").rows[0][0]:
            print("this build of the server has no Kafka table engine: nothing to compare with")
            return
        assert kafka.process is not None
        assert clickhouse.process is not None
        server = psutil.Process(clickhouse.process.pid)
        pin(psutil.Process(kafka.process.pid), BROKER_CORES)
        pin(server, CORES)
        os.sched_setaffinity(0, BROKER_CORES)
        made = list(packs())
        rows = sum(wire.receive(value)[1].rows for value in made)
        batches, size = batches_of(iter(made))
        ours = collector(store, env, batches, rows, server)
        print(f"{rows:,} rows; collector: {ours[0]:,.0f} rows/s, {ours[1]:.2f} CPU s per million rows, "
              f"the server's included; {size / rows:.0f} B/row", flush=True)  # fmt: skip
        for form, make in FORMS.items():
            batches, size = batches_of(map(make, made))
            one = replace(config, bus=replace(config.bus, topic_prefix=f"{config.bus.topic_prefix}-{form.lower()}"))
            KafkaBus(one).ensure_topics()
            theirs = engine(store, one, form, batches, rows, server)
            print(
                f"Kafka engine, {form}: {theirs[0]:,.0f} rows/s, {theirs[1]:.2f} CPU s per million rows; "
                f"{size / rows:.0f} B/row; the collector has {ours[0] / theirs[0]:.2f} times its rows/s at "
                f"{ours[1] / theirs[1]:.2f} times its CPU",
                flush=True,
            )
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        store.close()
