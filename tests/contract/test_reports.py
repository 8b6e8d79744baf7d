"""Every report query parses on the real engine, and gives the columns and types of its row class."""

from __future__ import annotations

import types
import typing
from datetime import datetime, timezone
from typing import Any

import pytest

from clusterctl.analytics import doctor, retention, rollup  # noqa: F401 - register their queries
from clusterctl.analytics.communication import questions as communication_questions  # noqa: F401
from clusterctl.analytics.imports import jobs, operator, standing, told  # noqa: F401
from clusterctl.analytics.incidents import lifecycle, load, refresh  # noqa: F401
from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.query import Query, python_type
from clusterctl.analytics.reports import communication, queries, slow, times, unit_rows  # noqa: F401
from clusterctl.analytics.slow import questions  # noqa: F401
from clusterctl.dashboards.fleet import DASHBOARDS
from clusterctl.dashboards.model import SINCE, UNTIL, grafana_sql
from clusterctl.store import Param, Store

SAMPLES: dict[str, Param] = {
    "cluster": "it's",
    "since": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "until": datetime(2026, 2, 1, tzinfo=timezone.utc),
    "top": 5,
    "as_of": datetime(2026, 2, 1, tzinfo=timezone.utc),
    "cut": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "settled": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "signal_hosts": '["it\'s"]',
    "gap_min": 10,
    "shared": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "recent": datetime(2026, 1, 5, tzinfo=timezone.utc),
    "name": "",
    "node": "",
    "root": "",
    "open_only": 0,
    "pressing_only": 0,
    "together_ms": 600_000,
    "old": "a",
    "new": "b",
    "table": "gpu_sample",
    "tables": "^(host_sample|nic_sample)$",
    "host_count": 5,
    "silent_s": 240,
    "hosts": '["it\'s"]',
    "rollup": "gpu_hour",
    "source": "gpu_sample",
    "period": "hour",
    "device": "gpu_uuid",
    "policy": "default",
    "step_ms": 3_600_000,
    "suspect_ratio": 0.03,
    "rolled_until": datetime(2026, 1, 31, tzinfo=timezone.utc),
    "bucket_ms": 900_000,
    "stall_ms": 600_000,
    "chosen": '[["it\'s", 0, 1]]',
    "jobs": '["it\'s"]',
    "edges": "[8, 64]",
    "stored_since": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "subject": "jobs",
    "scheduler": "slurm",
    "running_only": 1,
    "points": 100,
    "low_line": 0.06,
    "high_line": 0.12,
}


def expected(hint: Any) -> tuple[type, bool]:
    """Python type of an annotation, and whether it may be None."""
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    real = [member for member in members if member is not type(None)]
    return typing.get_origin(real[0]) or real[0], len(members) > len(real)


DOCTORS = [query for query in Query.registry if query.path.startswith("doctor/")]
TIMES = [query for query in Query.registry if query.path.startswith("reports/times_")]
IMPORTS = [query for query in Query.registry if query.path.startswith("imports/")]


@pytest.mark.parametrize(
    "query",
    [query for query in Query.registry if query not in DOCTORS + TIMES + IMPORTS],
    ids=lambda query: str(query.path),
)
def test_columns_are_those_of_the_row_class(store: Store, query: Query[Any]) -> None:
    migrate(store)
    _fits(store, query)


def test_columns_of_the_doctor_are_those_of_its_row_classes(store: Store) -> None:
    migrate(store)
    assert len(DOCTORS) >= 15
    for query in DOCTORS:
        _fits(store, query)


def test_columns_of_the_part_about_time_are_those_of_its_row_classes(store: Store) -> None:
    migrate(store)
    assert len(TIMES) >= 11
    for query in TIMES:
        _fits(store, query)


def test_columns_of_what_imports_ask_are_those_of_its_row_classes(store: Store) -> None:
    migrate(store)
    for query in IMPORTS:
        _fits(store, query)


def _fits(store: Store, query: Query[Any]) -> None:
    params = {name: SAMPLES[name] for name in query.parameters()}
    result = store.query(query.text, params)
    assert result.names == query.fields
    hints = typing.get_type_hints(query.row)
    for name, kind in zip(result.names, result.types, strict=True):
        want, may_be_none = expected(hints[name])
        have, nullable = python_type(kind)
        assert have is want, f"{query.path}: {name} is {kind}, the row class says {hints[name]}"
        assert may_be_none or not nullable, f"{query.path}: {name} may be NULL, the row class does not say so"


def test_every_report_file_has_a_query() -> None:
    from clusterctl.analytics.query import SQL

    folders = ("reports", "doctor", "incidents", "imports")
    files = {
        f"{folder}/{entry.name}"
        for folder in folders
        for entry in (SQL / folder).iterdir()
        if entry.name.endswith(".sql")
    }
    assert files == {query.path for query in Query.registry if query.path.startswith(folders)}


@pytest.mark.parametrize(
    "panel", [panel for board in DASHBOARDS for panel in board.panels], ids=lambda panel: panel.title
)
def test_a_panel_asks_what_the_report_asks(store: Store, panel: Any) -> None:
    """The text that Grafana sends, filled in as Grafana does, gives the same answer as the bound query."""
    migrate(store)
    sql = grafana_sql(panel.query)
    filled = (
        sql.replace(SINCE, "toDateTime64('2026-01-01 00:00:00', 3, 'UTC')")
        .replace(UNTIL, "toDateTime64('2026-02-01 00:00:00', 3, 'UTC')")
        .replace("${cluster:sqlstring}", "'it''s'")
    )
    assert "$" not in filled
    assert "{" not in filled
    bound = {name: SAMPLES[name] for name in panel.query.parameters()}
    bound.update({"top": 50} if "top" in bound else {})
    assert store.query(filled).rows == store.query(panel.query.text, bound).rows
