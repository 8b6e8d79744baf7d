"""Dashboards through the real grafana-client, against a server that answers as Grafana does."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from clusterctl.dashboards.fleet import DASHBOARDS
from clusterctl.dashboards.publish import plan
from tests.support.cli import clusterctl, ok
from tests.support.grafana_server import GrafanaServer


@pytest.fixture
def grafana() -> Iterator[GrafanaServer]:
    server = GrafanaServer("secret-token")
    yield server
    server.close()


@pytest.fixture
def env(local_env: dict[str, str], grafana: GrafanaServer) -> dict[str, str]:
    return {**local_env, "CLUSTERCTL_GRAFANA_URL": grafana.url, "CLUSTERCTL_GRAFANA_TOKEN": "secret-token"}


def test_plan_apply_and_then_nothing(env: dict[str, str], grafana: GrafanaServer) -> None:
    first = clusterctl(env, "dashboards", "plan")
    assert (first.returncode, first.stdout.split()[:2]) == (1, ["create", "clusterctl-fleet"]), first.stderr
    assert grafana.writes == 0, "a plan changes nothing"
    ok(env, "dashboards", "apply")
    assert grafana.folders == {"clusterctl": "clusterctl"}
    stored = grafana.dashboards["clusterctl-fleet"]["dashboard"]
    assert stored["title"] == "Fleet health"
    assert len(stored["panels"]) == 6
    writes = grafana.writes
    assert clusterctl(env, "dashboards", "plan").returncode == 0
    ok(env, "dashboards", "apply")
    assert grafana.writes == writes, "applying twice changes nothing"


def test_what_was_changed_by_hand_or_is_no_longer_declared(env: dict[str, str], grafana: GrafanaServer) -> None:
    ok(env, "dashboards", "apply")
    grafana.dashboards["clusterctl-fleet"]["dashboard"]["description"] = "mine now"
    grafana.dashboards["old"] = {"dashboard": {"uid": "old", "title": "Old", "tags": ["clusterctl"], "description": ""}}
    grafana.dashboards["theirs"] = {"dashboard": {"uid": "theirs", "title": "Theirs", "tags": [], "description": ""}}
    planned = json.loads(clusterctl(env, "dashboards", "plan", "--format", "json").stdout)
    assert {(change["action"], change["uid"]) for change in planned} == {
        ("update", "clusterctl-fleet"),
        ("delete", "old"),
    }
    ok(env, "dashboards", "apply")
    assert set(grafana.dashboards) == {"clusterctl-fleet", "theirs"}


def test_a_wrong_token_is_said_in_one_line(env: dict[str, str]) -> None:
    done = clusterctl({**env, "CLUSTERCTL_GRAFANA_TOKEN": "wrong"}, "dashboards", "plan")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "CLUSTERCTL_GRAFANA_TOKEN" in done.stderr


def test_no_grafana_is_said_in_one_line(env: dict[str, str]) -> None:
    done = clusterctl({**env, "CLUSTERCTL_GRAFANA_URL": "http://127.0.0.1:9"}, "dashboards", "plan")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr, done.stderr


def test_export_needs_no_grafana(local_env: dict[str, str]) -> None:
    made = json.loads(ok(local_env, "dashboards", "export"))
    assert [dashboard["uid"] for dashboard in made] == [dashboard.uid for dashboard in DASHBOARDS]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_panels_do_not_overlap_and_name_only_columns_that_are_there(dashboard: object) -> None:
    from clusterctl.dashboards.model import Dashboard

    assert isinstance(dashboard, Dashboard)
    cells: set[tuple[int, int]] = set()
    for panel in dashboard.panels:
        own = {(x, y) for x in range(panel.x, panel.x + panel.width) for y in range(panel.y, panel.y + panel.height)}
        assert not own & cells
        assert max(x for x, _ in own) < 24
        cells |= own
        assert {column.name for column in panel.columns} <= set(panel.query.fields)
        assert panel.description


def test_a_rate_panel_shows_its_interval_count_and_exposure() -> None:
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            names = {column.name for column in panel.columns}
            if "per_1000_gpu_days" in names:
                assert {"low_95", "high_95", "fault_count", "gpu_days"} <= names


def test_an_unchanged_dashboard_has_an_unchanged_hash() -> None:
    current = {d.uid: (d.title, str(d.json("x")["description"])) for d in DASHBOARDS}
    assert {change.action for change in plan(current, DASHBOARDS, "x")} == {"nothing"}
    assert {change.action for change in plan(current, DASHBOARDS, "another")} == {"update"}
