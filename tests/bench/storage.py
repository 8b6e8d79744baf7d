"""Bytes at rest of gpu_sample: simulated values, one part, as `system.columns` counts them."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import msgspec

from clusterctl.analytics.migrate import migrate
from clusterctl.schema import GPU_SAMPLE
from clusterctl.store.embedded import EmbeddedStore
from tests.bench.fleet import GPUS, gpu_rows

HOSTS, TICKS = 50, 1_000
BUDGET = 0.6


def main() -> None:
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        migrate(store)
        for number in range(HOSTS):
            rows = [row for tick in range(TICKS)
                    for row in gpu_rows(f"gpu-{number:05}", 1_795_000_000_000 + tick * 10_000, tick, chance)]  # fmt: skip
            columns: dict[str, list[object]] = {
                field.name: list(values)
                for field, values in zip(
                    GPU_SAMPLE.fields, zip(*map(msgspec.structs.astuple, rows), strict=True), strict=True
                )
            }
            constant = {"cluster": "bench", "host": f"gpu-{number:05}", "boot_id": "b" * 36, "schema_version": 1,
                        "bus_partition": number % 16}  # fmt: skip
            columns.update({name: [value] * len(rows) for name, value in constant.items()})
            columns["seq"] = columns["bus_offset"] = [tick for tick in range(TICKS) for _ in range(GPUS)]
            store.insert("gpu_sample", columns)
        store.execute("OPTIMIZE TABLE gpu_sample FINAL")
        found = store.query("SELECT name, data_compressed_bytes FROM system.columns WHERE table = 'gpu_sample' "
                            "AND database = currentDatabase() ORDER BY data_compressed_bytes DESC").rows  # fmt: skip
        store.close()
    rows_stored = HOSTS * TICKS * GPUS
    total = sum(size for _, size in found)
    values = rows_stored * (len(GPU_SAMPLE.fields) - 1)
    top = ", ".join(f"{name} {size / rows_stored:.2f}" for name, size in found[:6])
    print(f"{total / values:.2f} B/value (budget {BUDGET}), {total / rows_stored:.1f} B/row; "
          f"{len(GPU_SAMPLE.columns)} columns; largest, B/row: {top}")  # fmt: skip
