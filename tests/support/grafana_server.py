"""The few routes of Grafana's HTTP API that we use, answered as Grafana documents them: real grafana-client talks to it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse


class GrafanaServer:
    """Dashboards and folders in memory, behind a token."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.dashboards: dict[str, dict[str, Any]] = {}
        self.folders: dict[str, str] = {}
        self.writes = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._do("GET")

            def do_POST(self) -> None:
                self._do("POST")

            def do_DELETE(self) -> None:
                self._do("DELETE")

            def log_message(self, format: str, *args: Any) -> None:
                return

            def _do(self, method: str) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                if self.headers.get("Authorization") != f"Bearer {outer.token}":
                    status, answer = 401, {"message": "Unauthorized"}
                else:
                    status, answer = outer.answer(method, urlparse(self.path), body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, method: str, url: Any, body: dict[str, Any]) -> tuple[int, Any]:
        parts = url.path.strip("/").split("/")[1:]
        if parts == ["search"]:
            tag = parse_qs(url.query).get("tag", [""])[0]
            found = [d for d in self.dashboards.values() if tag in d["dashboard"]["tags"]]
            return 200, [{"uid": d["dashboard"]["uid"], "title": d["dashboard"]["title"]} for d in found]
        if parts[0] == "folders" and method == "GET":
            known = parts[1] in self.folders
            return (200, {"uid": parts[1]}) if known else (404, {"message": "folder not found"})
        if parts == ["folders"] and method == "POST":
            self.folders[body["uid"]] = body["title"]
            return 200, body
        if parts == ["dashboards", "db"]:
            if body["folderUid"] not in self.folders:
                return 400, {"message": "folder not found"}
            self.writes += 1
            self.dashboards[body["dashboard"]["uid"]] = body
            return 200, {"status": "success", "uid": body["dashboard"]["uid"]}
        if parts[:2] == ["dashboards", "uid"] and parts[2] in self.dashboards:
            if method == "DELETE":
                self.writes += 1
                return 200, {"title": self.dashboards.pop(parts[2])["dashboard"]["title"]}
            return 200, {"dashboard": self.dashboards[parts[2]]["dashboard"], "meta": {}}
        return 404, {"message": "not found"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
