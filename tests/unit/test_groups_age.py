"""The age of a node at a fault is counted as that of its exposure is, so that both fall into one class."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from clusterctl.analytics.reports.groups import DIMENSIONS
from clusterctl.analytics.reports.unit_rows import FaultRow

INSTALLED = datetime(2026, 1, 1, 18, tzinfo=timezone.utc)


def fault(opened: datetime) -> FaultRow:
    return FaultRow("i", opened, 1, "n", "", "", 1, "XID 79", 1, "", None, 1, 1, 1, "", "", "", "", "", INSTALLED)


def test_an_age_changes_at_midnight_whatever_the_hour_of_installation() -> None:
    """The exposure of the ninetieth day after 2026-01-01 is that of a node of 90 days: midnights are counted."""
    day = datetime(2026, 4, 1, tzinfo=timezone.utc)
    for hour in (0, 12, 23):
        assert DIMENSIONS["node_age"](fault(day + timedelta(hours=hour))) == "90 days to a year"
        assert DIMENSIONS["node_age"](fault(day + timedelta(hours=hour - 24))) == "under 90 days"
