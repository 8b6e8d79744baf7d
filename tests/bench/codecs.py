"""Which codec a column should have: every candidate on every column of a sample, in the real engine.

    python -m tests.bench codecs            gpu_sample, the largest table by far
    python -m tests.bench.codecs TABLE …    others; host_sample, nic_sample and disk_sample of this machine

For each column: bytes a row, and ns a value to compress and to read, beyond what no codec costs.
The rule: of the candidates fit for production, the smallest; but the cheapest of those that are within 3 %, or within
a hundredth of a byte, of the smallest, and what is declared already before any other of those.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clusterctl.schema import GPU_HEALTH, GPU_LINK_SAMPLE, GPU_SAMPLE, TABLE_BY_NAME, Table
from clusterctl.schema.field import Field
from clusterctl.store import Store
from clusterctl.store.embedded import EmbeddedStore
from tests.bench.native import block
from tests.bench.recording import recorded
from tests.bench.telemetry import Fleet, telemetry

INTEGERS = (
    *("LZ4", "ZSTD(1)", "ZSTD(3)", "Delta, LZ4", "Delta, ZSTD(1)", "Delta, ZSTD(3)", "DoubleDelta, LZ4"),
    *("DoubleDelta, ZSTD(1)", "T64, LZ4", "T64, ZSTD(1)", "T64('bit'), ZSTD(1)", "T64('bit'), ZSTD(3)"),
    *("GCD, T64, ZSTD(1)", "Delta, T64, ZSTD(1)"),
)
FLOATS = ("LZ4", "ZSTD(1)", "ZSTD(3)", "Delta, ZSTD(1)", "Gorilla, ZSTD(1)", "FPC(12), ZSTD(1)", "ALP, ZSTD(1)")
TEXTS = ("LZ4", "ZSTD(1)", "ZSTD(3)")
DICTIONARY = "LowCardinality"
"""ZSTD(1) on a dictionary of the column's values: another type, shown for what it would save."""
NOT_CHOSEN = {
    DICTIONARY: "another type, and wire and queries see types",
    "ALP, ZSTD(1)": "beta in ClickHouse 26.9",
    "Delta, T64, ZSTD(1)": "T64 is made for values, not for another codec's bytes; older engines refuse it on insert",
}
NEAR, LEAST_BYTES, TRIES = 1.03, 0.01, 3
SETTINGS = ("allow_suspicious_low_cardinality_types", "enable_alp_codec")


@dataclass(frozen=True)
class Outcome:
    """What one codec made of one column."""

    codec: str
    bytes_per_row: float
    write_ns: float
    read_ns: float

    @property
    def cost_ns(self) -> float:
        return self.write_ns + self.read_ns

    def __str__(self) -> str:
        return f"{self.codec} {self.bytes_per_row:.3f} B {self.write_ns:.0f}+{self.read_ns:.0f} ns"


def candidates(column: Field) -> tuple[str, ...]:
    """Codecs that the engine allows on the column's type."""
    kind = column.type.clickhouse
    if "String" in kind:
        return TEXTS
    return (
        *(FLOATS if kind.startswith("Float") else INTEGERS),
        *((DICTIONARY,) if not kind.startswith("DateTime") else ()),
    )


def chosen(outcomes: list[Outcome], declared: str) -> Outcome:
    """By the rule; what is declared stays if it is among the near ones."""
    fit = [outcome for outcome in outcomes if outcome.codec not in NOT_CHOSEN]
    least = min(outcome.bytes_per_row for outcome in fit)
    near = [outcome for outcome in fit if outcome.bytes_per_row <= max(least * NEAR, least + LEAST_BYTES)]
    return min(near, key=lambda outcome: (outcome.codec != declared, outcome.cost_ns))


class Bench:
    """A table's rows in memory, in the order of its key, and one codec at a time beside them."""

    def __init__(self, store: Store, table: Table) -> None:
        self.store, self.table = store, table
        self.rows = int(store.query("SELECT count() FROM source").rows[0][0])

    def outcomes(self, column: Field) -> list[Outcome]:
        """Every candidate, and the codec that is declared now if it is none of them."""
        bare = self._measure(column, "NONE")
        made = []
        for codec in dict.fromkeys((*candidates(column), *((column.type.codec,) if column.type.codec else ()))):
            one = self._measure(column, codec)
            write_ns, read_ns = max(0.0, one.write_ns - bare.write_ns), max(0.0, one.read_ns - bare.read_ns)
            made.append(Outcome(codec, one.bytes_per_row, write_ns, read_ns))
        return sorted(made, key=lambda outcome: outcome.bytes_per_row)

    def _measure(self, column: Field, codec: str) -> Outcome:
        kind, settings = column.column_type(), column.type.settings()
        stored = f"{kind} CODEC({codec})" if codec != DICTIONARY else f"LowCardinality({kind}) CODEC(ZSTD(1))"
        blocks = f"SETTINGS ({settings})" if settings else ""
        self.store.execute("DROP TABLE IF EXISTS probe SYNC")
        self.store.execute(f"CREATE TABLE probe (v {stored} {blocks}) ENGINE = MergeTree ORDER BY tuple() "
                           "SETTINGS min_bytes_for_wide_part = 0")  # fmt: skip
        write_s = self._least_s(
            f"INSERT INTO probe SELECT {column.name} FROM source SETTINGS max_threads = 1", "TRUNCATE TABLE probe SYNC"
        )
        self.store.execute("OPTIMIZE TABLE probe FINAL")
        read_s = self._least_s("SELECT count() FROM probe WHERE NOT ignore(v) SETTINGS max_threads = 1")
        size = self.store.query("SELECT sum(column_data_compressed_bytes) FROM system.parts_columns "
                                "WHERE table = 'probe' AND active AND database = currentDatabase()").rows[0][0]  # fmt: skip
        return Outcome(codec, size / self.rows, write_s * 1e9 / self.rows, read_s * 1e9 / self.rows)

    def _least_s(self, statement: str, before: str = "") -> float:
        least = float("inf")
        for _ in range(TRIES):
            if before:
                self.store.execute(before)
            began = time.perf_counter()
            self.store.execute(statement)
            least = min(least, time.perf_counter() - began)
        return least

    def report(self) -> None:
        """A line a column."""
        total = now = 0.0
        for column in self.table.columns:
            outcomes = self.outcomes(column)
            best = chosen(outcomes, column.type.codec)
            kept = next((outcome for outcome in outcomes if outcome.codec == column.type.codec), best)
            total, now = total + best.bytes_per_row, now + kept.bytes_per_row
            print(f"{column.name}: {'keep' if kept == best else 'take'} {best}; declared {kept}; "
                  f"of {', '.join(map(str, outcomes[:5]))}", flush=True)  # fmt: skip
        print(f"{self.table.name}: {self.rows:,} rows; {total:.2f} B a row by the rule, {now:.2f} as declared")


@contextmanager
def simulated(table: Table, fleet: Fleet) -> Iterator[Store]:
    """A store whose table `source` has what a simulated fleet tells, in the order of the key."""
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder) / "store")
        file = Path(folder) / "rows.native"
        with file.open("wb") as out:
            for node in telemetry(fleet):
                out.write(block(table, node[table]))
        _source(store, f"file('{file}', Native)")
        try:
            yield store
        finally:
            store.close()


def _source(store: Store, rows: str) -> None:
    for name in SETTINGS:
        store.execute(f"SET {name} = 1")
    store.execute(f"CREATE TABLE source ENGINE = Memory AS SELECT * FROM {rows} SETTINGS max_threads = 1")


def run(name: str) -> None:
    """One table, from the simulator where it is of GPUs and from this machine where it is not."""
    table = TABLE_BY_NAME[name]
    print(f"-- {name}")
    if table in (GPU_SAMPLE, GPU_LINK_SAMPLE, GPU_HEALTH):
        with simulated(table, Fleet()) as store:
            Bench(store, table).report()
        return
    with recorded() as store:
        store.execute("DROP TABLE IF EXISTS source SYNC")
        _source(store, f"(SELECT * FROM {name} ORDER BY {', '.join(table.key)})")
        Bench(store, table).report()
        store.execute("DROP TABLE source SYNC")


def main() -> None:
    run(GPU_SAMPLE.name)


if __name__ == "__main__":
    for chosen_table in sys.argv[1:]:
        run(chosen_table)
