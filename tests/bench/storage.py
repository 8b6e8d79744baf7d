"""Bytes at rest, merged into one part, with the codecs that the schema declares.

A value is a reading that is there: a nullable column of a row that is not NULL. Names, keys, times and lineage are no values,
but their bytes count, and so do the index's. Beside it stands the kinder figure, which divides by all fields of a row.
GPUs are simulated (telemetry.py) and of the fake driver; host, ports, disks and file systems are this machine's own.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clusterctl.analytics.migrate import migrate
from clusterctl.schema import GPU_HEALTH, GPU_LINK_SAMPLE, GPU_SAMPLE, TABLE_BY_NAME, Table
from clusterctl.store import Store
from clusterctl.store.embedded import EmbeddedStore
from tests.bench.native import block
from tests.bench.recording import RECORDED, recorded
from tests.bench.telemetry import A100, Fleet, telemetry

BUDGET = 0.6
SECOND, TEN = Fleet(), Fleet(hosts=4, seconds=43_200, period_s=10)
FLEETS = {
    "simulated H100s, 1 Hz": SECOND,
    "the same, every 10 s": TEN,
    "half the noise, 1 Hz": Fleet(noise=0.5),
    "twice the noise, 1 Hz": Fleet(noise=2.0),
    "simulated A100s (no GPM), 1 Hz": Fleet(board=A100),
}
EACH_TICK = ("gpu_sample", "host_sample", "nic_sample")
RECORDINGS = {
    "recorded, each tick": "1",
    "recorded, every 10 s": "intDiv(toUnixTimestamp64Milli(ts), 1000) % 10 = 0",
}


@dataclass(frozen=True)
class AtRest:
    """What a table takes. `disk` has the index and what describes the part, which a small sample is mostly made of."""

    rows: int
    readings: int
    data: int
    disk: int
    largest: str

    def line(self, what: str, table: Table) -> str:
        fields = self.rows * len(table.fields)
        return (f"{what}: {table.name} {self.rows:,} rows: {self.data / self.readings:.3f} B a reading "
                f"({self.data / fields:.3f} a field), {self.data / self.rows:.2f} B a row, "
                f"{self.readings / self.rows:.1f} readings a row; {self.disk / self.rows:.2f} B a row with all of "
                f"the part's files; largest: {self.largest}")  # fmt: skip


def at_rest(store: Store, table: Table) -> AtRest:
    """Merge the table into one part for each day, and measure."""
    store.execute(f"OPTIMIZE TABLE {table.name} FINAL")
    where = f"table = '{table.name}' AND database = currentDatabase()"
    columns = store.query(
        f"SELECT name, data_compressed_bytes + marks_bytes FROM system.columns WHERE {where} ORDER BY 2 DESC"
    ).rows
    disk = store.query(f"SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND {where}").rows[0][0]
    counts = ", ".join(f"count({field.name})" for field in table.fields if field.nullable)
    rows, *present = store.query(f"SELECT count(), {counts} FROM {table.name}").rows[0]
    largest = ", ".join(f"{name} {size / rows:.2f}" for name, size in columns[:8])
    return AtRest(rows, sum(present), sum(size for _, size in columns), disk, largest)


@contextmanager
def migrated() -> Iterator[tuple[Store, Path]]:
    """An empty store whose parts are laid out as large ones are, and a folder."""
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "store")
        migrate(store)
        for name in RECORDED:
            store.execute(f"ALTER TABLE {name} MODIFY SETTING min_bytes_for_wide_part = 0")
        try:
            yield store, Path(folder)
        finally:
            store.close()


def simulate(what: str, fleet: Fleet, tables: tuple[Table, ...] = (GPU_SAMPLE,)) -> None:
    """One fleet."""
    with migrated() as (store, folder):
        cpu_s = 0.0
        for number, node in enumerate(telemetry(fleet)):
            for table in tables:
                file = folder / f"{number}-{table.name}.native"
                file.write_bytes(block(table, node[table]))
                began = time.process_time()
                store.execute(f"INSERT INTO {table.name} SELECT * FROM file('{file}', Native) SETTINGS max_threads = 1")
                cpu_s += time.process_time() - began
        for table in tables:
            measured = at_rest(store, table)
            print(measured.line(what, table), flush=True)
        print(f"  insert {cpu_s:.2f} s of CPU", flush=True)


def real() -> None:
    """What this machine tells of itself, and the fake driver's GPUs, at 1 Hz and every tenth tick of it."""
    with tempfile.TemporaryDirectory() as folder:
        with recorded() as recording:  # the engine has one directory at a time in a process
            for name in RECORDED:
                recording.execute(f"SELECT * FROM {name} ORDER BY ts INTO OUTFILE '{folder}/{name}' FORMAT Native")
        with migrated() as (store, _):
            for name in RECORDED:
                for what, where in RECORDINGS.items() if name in EACH_TICK else [("recorded", "1")]:
                    store.execute(f"TRUNCATE TABLE {name} SYNC")
                    store.execute(f"INSERT INTO {name} SELECT * FROM file('{folder}/{name}', Native) WHERE {where}")
                    print(at_rest(store, TABLE_BY_NAME[name]).line(what, TABLE_BY_NAME[name]), flush=True)


def main() -> None:
    print(f"budget for gpu_sample: {BUDGET} B a reading")
    for what, fleet in FLEETS.items():
        simulate(what, fleet)
    simulate("simulated H100s", SECOND, (GPU_LINK_SAMPLE, GPU_HEALTH))
    real()


if __name__ == "__main__":
    main()
