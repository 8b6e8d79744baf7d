"""Rows of one subject for the tests of checks: a column is one value, or a list of one value a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusterctl.agent.checks import CHECKS, Around
from clusterctl.config import ChecksConfig
from clusterctl.schema import TABLE_BY_NAME, Table
from clusterctl.schema.verdict import Verdict

START_MS = 1_767_225_600_000
UUID = "GPU-11111111-2222-3333-4444-555555555555"
NEEDED: dict[str, dict[str, Any]] = {
    "gpu_sample": {"gpu_uuid": UUID, "gpu_index": 0, "pci": "0000:1b:00.0"},
    "gpu_link_sample": {"gpu_uuid": UUID, "gpu_index": 0, "pci": "0000:1b:00.0"},
    "gpu_health": {"gpu_uuid": UUID, "gpu_index": 0, "pci": "0000:1b:00.0"},
    "nvlink_sample": {"gpu_uuid": UUID, "link": 0},
    "nic_sample": {"port": "mlx5_0/1", "link_layer": "infiniband", "pci": "0000:1a:00.0"},
    "nic_link_sample": {"port": "mlx5_0/1", "pci": "0000:1a:00.0"},
    "nic_health": {"port": "mlx5_0/1", "pci": "0000:1a:00.0"},
    "host_sample": {"period_ms": 10_000},
    "filesystem_sample": {"mount": "/data", "device": "/dev/nvme0n1p1", "fstype": "ext4"},
}


def series(table: Table, *, step_s: float = 10.0, start_ms: int = START_MS, **columns: Any) -> list[Any]:
    """As many rows as the longest list has values; at least one."""
    count = max([len(value) for value in columns.values() if isinstance(value, list)] or [1])
    return [
        table.row(
            ts=int(start_ms + n * step_s * 1_000),
            **{
                name: value[n] if isinstance(value, list) else value
                for name, value in {**NEEDED[table.name], **columns}.items()
            },
        )
        for n in range(count)
    ]


def judge(
    name: str,
    recent: Sequence[Any] | None = None,
    *,
    limits: ChecksConfig | None = None,
    neighbours: Mapping[str, Sequence[Any]] | None = None,
    samples: Sequence[Any] = (),
    health: Any = None,
    counters: Sequence[Any] = (),
    host: Any = None,
    **columns: Any,
) -> Verdict:
    """The verdict of a check on `recent`, or on a series of its table with these columns."""
    check = CHECKS[name]
    rows = recent if recent is not None else series(TABLE_BY_NAME[check.table], **columns)
    return check(rows, limits or ChecksConfig(), Around(neighbours or {}, samples, health, counters, host))


def told(verdict: Verdict) -> tuple[str, str]:
    """State and repair, as words."""
    return verdict.state.word, verdict.action.word
