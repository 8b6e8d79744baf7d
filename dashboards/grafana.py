"""A narrow front on grafana-client, and the only file that imports it. It speaks /api, which Grafana 13 deprecates:
when that goes away, this file changes and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from grafana_client import GrafanaApi, TokenAuth
from grafana_client.client import GrafanaClientError, GrafanaException

from clusterctl.config import GrafanaConfig
from clusterctl.errors import ClusterctlError

TAG = "clusterctl"
NOT_FOUND = 404


class GrafanaError(ClusterctlError):
    """Grafana did not do what was asked."""


class GrafanaFront:
    """The configured Grafana."""

    def __init__(self, config: GrafanaConfig) -> None:
        self._config = config
        auth = TokenAuth(token=config.token) if config.token else None
        self._api = self._call(lambda: GrafanaApi.from_url(config.url, credential=auth, timeout=15.0))
        self._folder = ""

    def dashboards(self) -> Mapping[str, tuple[str, str]]:
        """Title and description of each dashboard with our tag, by uid."""
        found = self._call(lambda: self._api.search.search_dashboards(tag=TAG, type_="dash-db"))
        return {entry["uid"]: self._described(entry["uid"]) for entry in found}

    def _described(self, uid: str) -> tuple[str, str]:
        content = self._call(lambda: self._api.dashboard.get_dashboard(uid))["dashboard"]
        return str(content.get("title", "")), str(content.get("description", ""))

    def put_folder(self) -> None:
        """Our folder, created if it is not there."""
        uid = self._config.folder
        try:
            self._api.folder.get_folder(uid)
        except GrafanaClientError as error:
            if error.status_code != NOT_FOUND:
                raise self._translated(error) from error
            self._call(lambda: self._api.folder.create_folder(title=self._config.folder, uid=uid))
        except (GrafanaException, OSError) as error:
            raise self._translated(error) from error
        self._folder = uid

    def put_dashboard(self, content: dict[str, Any]) -> None:
        """Create it, or replace the one with its uid."""
        body = {
            "dashboard": {**content, "id": None},
            "folderUid": self._folder,
            "overwrite": True,
            "message": "clusterctl dashboards apply",
        }
        self._call(lambda: self._api.dashboard.update_dashboard(dashboard=body))

    def delete_dashboard(self, uid: str) -> None:
        """Remove it."""
        self._call(lambda: self._api.dashboard.delete_dashboard(uid))

    def _call(self, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except (GrafanaException, OSError) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> GrafanaError:
        return GrafanaError(
            f"{self._config.url}: {error}",
            hint="is it up, grafana.url right, and CLUSTERCTL_GRAFANA_TOKEN a token that may edit?",
        )
