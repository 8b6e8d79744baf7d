"""What the links of a GPU carry, from a table of data sheets. An unknown product has no limits, and so no shares of them."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

BYTES_PER_GB = 1e9


@dataclass(frozen=True, slots=True)
class LinkRates:
    """One direction; missing where the product has no such link for a job, or is not known."""

    nvlink_bytes_per_s: float | None = None
    pcie_bytes_per_s: float | None = None


@cache
def _table() -> tuple[tuple[re.Pattern[str], LinkRates], ...]:
    text = (resources.files("clusterctl.analytics") / "data" / "link_rates.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(
        (re.compile(row["pattern"], re.IGNORECASE), LinkRates(_bytes(row["nvlink_gbs"]), _bytes(row["pcie_gbs"])))
        for row in csv.DictReader(lines)
    )


def _bytes(text: str) -> float | None:
    return float(text) * BYTES_PER_GB if text else None


@cache
def link_rates(product: str) -> LinkRates:
    """By product name, as NVML gives it."""
    return next((rates for pattern, rates in _table() if pattern.search(product)), LinkRates())
