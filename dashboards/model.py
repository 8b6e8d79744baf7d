"""The few panel fields that we use, as dataclasses, and the JSON that Grafana reads."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from clusterctl.analytics.query import Query

_PARAMETER = re.compile(r"\{(\w+):[^}]+\}")
SINCE = "toDateTime64($__from / 1000, 3, 'UTC')"
UNTIL = "toDateTime64($__to / 1000, 3, 'UTC')"
BOUND = {"cluster": "${cluster:sqlstring}", "since": SINCE, "until": UNTIL, "top": "50"}
"""How Grafana fills what the report binds. `sqlstring` quotes and escapes the variable's value."""
TABLE_FORMAT = 1
SCHEMA_VERSION = 39


def grafana_sql(query: Query[Any]) -> str:
    """The text of a report query with its parameters as Grafana's. Raises KeyError for a parameter that nobody fills."""
    return _PARAMETER.sub(lambda match: BOUND[match[1]], query.text)


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of a query is shown."""

    name: str
    title: str
    unit: str = "short"
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what it asks, as which kind of picture, and where it stands on the grid of 24 columns."""

    title: str
    description: str
    kind: str
    query: Query[Any]
    columns: tuple[Column, ...]
    x: int
    y: int
    width: int
    height: int

    def json(self, number: int, datasource: str) -> dict[str, Any]:
        """The panel as Grafana stores it. Columns that are not named are hidden."""
        shown = {column.name for column in self.columns}
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": {"type": "grafana-clickhouse-datasource", "uid": datasource},
            "gridPos": {"x": self.x, "y": self.y, "w": self.width, "h": self.height},
            "targets": [
                {
                    "refId": "A",
                    "editorType": "sql",
                    "queryType": "table",
                    "format": TABLE_FORMAT,
                    "rawSql": grafana_sql(self.query),
                }
            ],
            "transformations": [
                {
                    "id": "organize",
                    "options": {
                        "excludeByName": {name: True for name in self.query.fields if name not in shown},
                        "indexByName": {column.name: index for index, column in enumerate(self.columns)},
                        "renameByName": {column.name: column.title for column in self.columns},
                    },
                }
            ],
            "fieldConfig": {
                "defaults": {"noValue": "unknown"},
                "overrides": [
                    {
                        "matcher": {"id": "byName", "options": column.title},
                        "properties": [
                            {"id": "unit", "value": column.unit},
                            *([{"id": "decimals", "value": column.decimals}] if column.decimals is not None else []),
                        ],
                    }
                    for column in self.columns
                ],
            },
            "options": {"reduceOptions": {"values": True, "fields": "/.*/"}} if self.kind == "stat" else {},
        }


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard. Its uid never changes; its content's hash tells whether anything has to be published."""

    uid: str
    title: str
    panels: tuple[Panel, ...]

    def json(self, datasource: str) -> dict[str, Any]:
        """The dashboard as Grafana stores it, without ids that a Grafana gives."""
        content: dict[str, Any] = {
            "uid": self.uid,
            "title": self.title,
            "tags": ["clusterctl"],
            "timezone": "utc",
            "editable": False,
            "schemaVersion": SCHEMA_VERSION,
            "refresh": "1m",
            "time": {"from": "now-30d", "to": "now"},
            "templating": {
                "list": [
                    {
                        "name": "cluster",
                        "type": "query",
                        "label": "Cluster",
                        "refresh": 2,
                        "sort": 1,
                        "datasource": {"type": "grafana-clickhouse-datasource", "uid": datasource},
                        "query": "SELECT DISTINCT cluster FROM presence UNION DISTINCT SELECT DISTINCT cluster FROM exposure",
                    }
                ]
            },
            "panels": [panel.json(number, datasource) for number, panel in enumerate(self.panels, start=1)],
        }
        return {**content, "description": f"Made by clusterctl; content {content_hash(content)}"}


def content_hash(content: dict[str, Any]) -> str:
    """Short hash of a dashboard's content."""
    text = json.dumps({key: value for key, value in content.items() if key != "description"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
