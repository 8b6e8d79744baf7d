"""Incidents of signals alone, as rows: for tests of episodes, codes and the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clusterctl.analytics.incidents import Evidence, Rules, Signal, compute
from clusterctl.analytics.incidents.rows import rows_of
from clusterctl.catalog import Catalogue, shipped

HOUR = 3_600_000


def judged(
    signals: Sequence[Signal], as_of_ms: int = 10**13, *, quiet_ms: int = 24 * HOUR, catalogue: Catalogue | None = None
) -> list[dict[str, Any]]:
    """Rows of `incident` for these signals, nothing else being known."""
    rules = Rules(quiet_ms=quiet_ms, catalogue=catalogue or shipped())
    return rows_of("c", compute(Evidence("c", tuple(signals)), rules), rules, as_of_ms, {})
