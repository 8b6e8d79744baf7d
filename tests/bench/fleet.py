"""GPU samples shaped like NVML's: noisy power and utilisation, counters that grow, errors that mostly do not."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from clusterctl import wire
from clusterctl.schema import GPU_SAMPLE

GPUS = 8


def gpu_rows(host: str, ts: int, tick: int, chance: random.Random) -> list[msgspec.Struct]:
    """Eight rows of one node at one tick."""
    rows: list[Any] = []
    for index in range(GPUS):
        load = 0.9 + 0.08 * chance.random()
        rows.append(
            GPU_SAMPLE.row(
                ts=ts,
                gpu_uuid=f"GPU-{host}-{index}",
                gpu_index=index,
                pci=f"0000:{0x40 + index:02x}:00.0",
                power_mw=int(560_000 + 90_000 * chance.random()),
                energy_mj=10**12 + tick * 600_000 + int(40_000 * chance.random()),
                temp_c=55 + chance.randrange(8),
                memory_temp_c=60 + chance.randrange(6),
                temp_margin_c=28 - chance.randrange(8),
                sm_clock_mhz=1_980 - 15 * chance.randrange(6),
                memory_clock_mhz=2_619,
                throttle_mask=4,
                util_ratio=load,
                memory_used_bytes=71_000_000_000 + 4_096 * chance.randrange(2_000),
                memory_total_bytes=85_520_809_984,
                ecc_corrected=0,
                ecc_uncorrected=0,
                remap_pending=0,
                remap_failed=0,
                recovery_action=0,
                pcie_replays=0,
            )
        )
    return rows


def gpu_batch(host: str, ts: int, tick: int, chance: random.Random) -> bytes:
    return wire.encode(GPU_SAMPLE, gpu_rows(host, ts, tick, chance), cluster="bench", host=host, boot_id="b" * 36,
                       seq=tick, sent_ms=ts)  # fmt: skip
