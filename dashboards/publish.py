"""Plan and apply: what a Grafana has against what we declare, by uid and content hash. Applying twice changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from clusterctl.dashboards.model import Dashboard


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be done with one dashboard: create, update, delete or nothing."""

    action: str
    uid: str
    title: str


class Grafana(Protocol):
    """What we need of a Grafana."""

    def dashboards(self) -> Mapping[str, tuple[str, str]]:
        """Title and description of each dashboard with our tag, by uid."""
        ...

    def put_folder(self) -> None: ...

    def put_dashboard(self, content: dict[str, Any]) -> None: ...

    def delete_dashboard(self, uid: str) -> None: ...


def plan(current: Mapping[str, tuple[str, str]], wanted: Sequence[Dashboard], datasource: str) -> list[Change]:
    """Changes in the order of uids. What carries our tag and is not declared any more is deleted."""
    declared = {dashboard.uid: dashboard for dashboard in wanted}
    changes = []
    for uid in sorted({*declared, *current}):
        if uid not in declared:
            changes.append(Change("delete", uid, current[uid][0]))
            continue
        content = declared[uid].json(datasource)
        if uid not in current:
            action = "create"
        else:
            action = "nothing" if current[uid] == (content["title"], content["description"]) else "update"
        changes.append(Change(action, uid, content["title"]))
    return changes


def apply(grafana: Grafana, wanted: Sequence[Dashboard], datasource: str) -> list[Change]:
    """Do what `plan` says; the changes done."""
    changes = plan(grafana.dashboards(), wanted, datasource)
    declared = {dashboard.uid: dashboard for dashboard in wanted}
    if any(change.action in ("create", "update") for change in changes):
        grafana.put_folder()
    for change in changes:
        if change.action in ("create", "update"):
            grafana.put_dashboard(declared[change.uid].json(datasource))
        elif change.action == "delete":
            grafana.delete_dashboard(change.uid)
    return changes
