"""Encoding and decoding of one node-tick: eight GPU rows."""

from __future__ import annotations

import random
import time

from clusterctl import wire
from clusterctl.schema import GPU_SAMPLE
from tests.bench.fleet import GPUS, gpu_rows

ROUNDS = 20_000


def main() -> None:
    rows = gpu_rows("gpu-00417", 1_795_000_000_000, 1, random.Random(1))
    began = time.perf_counter()
    for _ in range(ROUNDS):
        data = wire.encode(GPU_SAMPLE, rows, cluster="c", host="h", boot_id="b", seq=1, sent_ms=1)
    encode_s = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(ROUNDS):
        wire.decode(data)
    decode_s = time.perf_counter() - began
    values = GPUS * len(GPU_SAMPLE.fields)
    print(f"encode {encode_s / ROUNDS / GPUS * 1e6:.2f} µs/row, decode {decode_s / ROUNDS / GPUS * 1e6:.2f} µs/row, "
          f"{len(data)} B a tick, {len(data) / values:.2f} B/value (no budget)")  # fmt: skip
