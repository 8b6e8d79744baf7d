"""Where the servers of a cluster are, read from `[store]`."""

from __future__ import annotations

import re
from dataclasses import replace

from clusterctl.config import StoreConfig
from clusterctl.errors import ConfigError
from clusterctl.schema.cluster import Layout

_NAME = re.compile(r"[A-Za-z_][\w-]*")
_PATH = re.compile(r"/[\w{}/.-]+")
_REPLICA = re.compile(r"[\w{}.-]+")
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:;,\[\]]+)(?::(?P<port>\d{1,5}))?")

CLUSTER_SETTINGS: dict[str, str | int] = {"distributed_product_mode": "global", "distributed_foreground_insert": 1}
"""With every statement on a cluster: a subquery over a Distributed table is answered once and its answer sent to the shards,
and an insert through one returns when the shards have the rows."""


def layout_of(config: StoreConfig) -> Layout | None:
    """How tables are laid out on the cluster; None for a single server. Raises ConfigError."""
    if not config.cluster:
        return None
    if config.kind != "clickhouse":
        raise ConfigError("store.cluster: only servers make a cluster", hint='set store.kind = "clickhouse"')
    _must("cluster", config.cluster, _NAME, "letters, digits, - and _")
    _must("database", config.database, _NAME, "letters, digits, - and _, on a cluster")
    _must("replica", config.replica, _REPLICA, "a macro such as {replica}")
    _must("keeper_path", config.keeper_path, _PATH, "a path with {shard} and {table}")
    if "{shard}" not in config.keeper_path or not re.search(r"{(table|uuid)}", config.keeper_path):
        raise ConfigError(f"store.keeper_path: expected {{shard}} and {{table}} in it, got {config.keeper_path!r}")
    return Layout(config.cluster, config.database, config.keeper_path, config.replica)


def shards_of(config: StoreConfig) -> list[list[StoreConfig]]:
    """One list of replicas a shard, each with its own host and port. A single server is one shard with one replica.

    Raises ConfigError if a cluster names no shards, or shards no cluster."""
    if bool(config.cluster) != bool(config.shards.strip()):
        raise ConfigError("store.cluster and store.shards: expected both, or neither")
    if not config.cluster:
        return [[config]]
    shards = [[_server(config, text) for text in shard.split(",")] for shard in config.shards.split(";")]
    servers = [(server.host, server.port) for shard in shards for server in shard]
    if len(set(servers)) < len(servers):
        raise ConfigError(f"store.shards: a server is named twice in {config.shards!r}")
    return shards


def _server(config: StoreConfig, text: str) -> StoreConfig:
    found = _ADDRESS.fullmatch(text.strip())
    port = int(found["port"] or config.port) if found else 0
    if not found or not 0 < port < 65_536:
        raise ConfigError(f"store.shards: expected host or host:port, got {text.strip()!r}")
    return replace(config, host=found["host"].strip("[]"), port=port)


def _must(name: str, value: str, pattern: re.Pattern[str], expected: str) -> None:
    if not pattern.fullmatch(value):
        raise ConfigError(f"store.{name}: expected {expected}, got {value!r}")
