"""A page for Prometheus over HTTP. The one file that imports prometheus_client; the agent and the collector fill the page."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, UnknownMetricFamily
from prometheus_client.exposition import make_wsgi_app
from prometheus_client.registry import Collector as Source
from prometheus_client.registry import CollectorRegistry

from clusterctl.errors import ConfigError

__all__ = ["CounterMetricFamily", "GaugeMetricFamily", "Metric", "PageServer", "Source", "UnknownMetricFamily"]
MAX_PORT = 65_535


class PageServer:
    """Listens until closed; an empty address means not at all. Raises OSError when the address is taken, ConfigError, with
    the name of the `setting`, when it is none."""

    def __init__(self, listen: str, setting: str, source: Source) -> None:
        self._server: Any = None
        self._closing = False
        if not listen:
            return
        host, port = _address(listen, setting)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(source)
        self._server = make_server(host, port, make_wsgi_app(registry), _server_for(host), handler_class=_Silent)
        self._thread = threading.Thread(target=self._serve, name="metrics", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        """Nobody wakes up for nothing: the thread sleeps in accept."""
        while not self._closing:
            self._server.handle_request()

    @property
    def port(self) -> int:
        """Where it listens; 0 when it does not."""
        return 0 if self._server is None else int(self._server.server_port)

    def close(self) -> None:
        """Stop listening."""
        if self._server is None:
            return
        self._closing = True
        with suppress(OSError), socket.create_connection(self._server.server_address[:2], timeout=1.0):
            pass  # the thread sleeps in accept: somebody has to knock
        self._thread.join(timeout=2.0)
        self._server.server_close()
        self._server = None


def _address(listen: str, setting: str) -> tuple[str, int]:
    """Host and port; raises ConfigError."""
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
        raise ConfigError(f"{setting}: expected HOST:PORT, got {listen!r}")
    return host.strip("[]"), int(port)


class _Server(ThreadingMixIn, WSGIServer):
    """A scrape a thread, and not many: a client that is slow must not keep the others waiting."""

    daemon_threads = True
    _room = threading.BoundedSemaphore(4)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self._room.acquire(blocking=False)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def server_bind(self) -> None:
        """Without asking a name server who we are, which may be dead."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


def _server_for(host: str) -> type[_Server]:
    return _Server6 if ":" in host else _Server


class _Silent(WSGIRequestHandler):
    timeout = 5.0
    """A client that says nothing is let go after this."""

    def log_message(self, format: str, *args: Any) -> None:
        return
