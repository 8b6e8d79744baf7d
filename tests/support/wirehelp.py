"""Batches as an agent would send them, for tests that need many."""

from __future__ import annotations

import time
from typing import Any

from clusterctl import packs, wire
from clusterctl.schema import HOST_SAMPLE, NIC_SAMPLE


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def host_batch(host: str, seq: int, ts: int, *, cluster: str = "c") -> bytes:
    """One host_sample row."""
    row = HOST_SAMPLE.row(ts=ts, period_ms=1_000, load_1m=0.5, uptime_s=seq)
    return wire.encode(HOST_SAMPLE, [row], cluster=cluster, host=host, boot_id="boot", seq=seq, sent_ms=ts)


def nic_batch(host: str, seq: int, ts: int, ports: int = 2, *, cluster: str = "c") -> bytes:
    """One nic_sample row for each port."""
    rows = [
        NIC_SAMPLE.row(ts=ts, port=f"eth{number}", link_layer="ethernet", pci="", rx_bytes=seq * 100, tx_bytes=None)
        for number in range(ports)
    ]
    return wire.encode(NIC_SAMPLE, rows, cluster=cluster, host=host, boot_id="boot", seq=seq, sent_ms=ts)


def rows_of(data: bytes) -> tuple[list[int], list[Any]]:
    """Batch numbers and rows of a message, batch or pack."""
    pack, shape = wire.receive(data)
    return packs.unpack(pack, shape)
