"""From the readings of single links to a row a link and sums a GPU. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clusterctl.agent.nvml.fields import BER_COLUMNS, NVLINK
from clusterctl.agent.nvml.values import bit_error_rate

UP = frozenset({1, 2, 3})
"""States of field 165 in which a link works: active, sleeping, active with traffic off."""
MOST = 2**64 - 1
_TRAFFIC = {"tx_bytes": "nvlink_tx_bytes", "rx_bytes": "nvlink_rx_bytes"}


def link_rows(readings: Mapping[tuple[str, str, int | None], Any], links: Sequence[int]) -> list[dict[str, Any]]:
    """A dict for each link with what it answered."""
    rows: dict[int, dict[str, Any]] = {link: {"link": link} for link in links}
    for (table, column, link), value in readings.items():
        if table == NVLINK and link in rows:
            rows[link][column] = bit_error_rate(int(value)) if column in BER_COLUMNS else value
    return list(rows.values())


def link_sums(rows: Sequence[Mapping[str, Any]], links: int) -> dict[str, Any]:
    """Columns of `gpu_link_sample`. A sum over links of which one did not answer is no sum."""
    if not rows:
        return {}
    sums: dict[str, Any] = {"nvlink_links": links}
    if all("link_state" in row for row in rows):
        sums["nvlink_active_mask"] = sum(1 << row["link"] for row in rows if row["link_state"] in UP)
    counted = set().union(*rows) - BER_COLUMNS - {"link", "link_state", "remote_link"}
    for column in counted:
        if not column.startswith("fec_") and all(column in row for row in rows):
            total = sum(row[column] for row in rows)
            if total <= MOST:
                sums[_TRAFFIC.get(column, f"nvlink_{column}")] = total
    return sums
