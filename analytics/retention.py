"""How long samples are kept and on which volume, as the configuration says; rollups, events and presence stay for ever.

The declaration's own TTL is only what a table is created with. Applying again changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from clusterctl.analytics.query import Query
from clusterctl.config import Config, StoreConfig
from clusterctl.errors import ConfigError, StoreError
from clusterctl.schema import TABLES, Table
from clusterctl.store import Store

HOURS_PER_DAY = 24
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TTL = re.compile(r" TTL (.*?)(?: SETTINGS |$)")


@dataclass(frozen=True, slots=True)
class StorageRow:
    table: str
    engine: str
    policy: str


@dataclass(frozen=True, slots=True)
class VolumeRow:
    volume: str


STORAGE = Query("retention/storage.sql", StorageRow)
VOLUMES = Query("retention/volumes.sql", VolumeRow)


def aged() -> tuple[Table, ...]:
    """Tables whose rows go after a while: the samples."""
    return tuple(table for table in TABLES if table.ttl)


def ttl_of(config: StoreConfig) -> str:
    """The TTL of samples, as the server writes it back."""
    parts = [f"toDateTime(ts) + toIntervalDay({config.raw_days})"]
    if config.storage_policy:
        parts.append(f"toDateTime(ts) + toIntervalDay({config.hot_days}) TO VOLUME '{config.cold_volume}'")
    return ", ".join(parts)


def require_sound(config: Config) -> None:
    """Raises ConfigError for a retention that would lose what may still arrive, or that names no volume."""
    store = config.store
    if store.raw_days * HOURS_PER_DAY < config.collector.late_bound_h + HOURS_PER_DAY:
        raise ConfigError(
            f"store.raw_days: {store.raw_days} days are less than collector.late_bound_h and a day",
            hint="rows may come that late, and are rolled up from the samples then",
        )
    if not store.storage_policy:
        return
    if store.hot_days >= store.raw_days:
        raise ConfigError(f"store.hot_days: {store.hot_days} is not less than store.raw_days, {store.raw_days}")
    for name, value in (("storage_policy", store.storage_policy), ("cold_volume", store.cold_volume)):
        if not _NAME.fullmatch(value):
            raise ConfigError(f"store.{name}: expected letters, digits, _ and -, got {value!r}")


def apply(store: Store, config: Config) -> list[str]:
    """Bring TTL and policy of the samples to what is configured; the tables changed, with what was done."""
    require_sound(config)
    wanted = config.store
    if wanted.storage_policy:
        _require_volume(store, wanted)
    found = {row.table: row for row in STORAGE.run(store)}
    changed = []
    for table in aged():
        done = _applied(store, wanted, found[table.name])
        if done:
            changed.append(f"{table.name}: {', '.join(done)}")
    return changed


def _require_volume(store: Store, wanted: StoreConfig) -> None:
    volumes = [row.volume for row in VOLUMES.run(store, policy=wanted.storage_policy)]
    if not volumes:
        raise StoreError(
            f"the server has no storage policy {wanted.storage_policy!r}",
            hint="declare it in the server's storage_configuration, or leave store.storage_policy empty",
        )
    if wanted.cold_volume not in volumes:
        raise StoreError(
            f"storage policy {wanted.storage_policy!r} has no volume {wanted.cold_volume!r}, only {', '.join(volumes)}",
            hint="set store.cold_volume to one of them",
        )


def _applied(store: Store, wanted: StoreConfig, row: StorageRow) -> list[str]:
    done = []
    if wanted.storage_policy and row.policy != wanted.storage_policy:
        store.execute(f"ALTER TABLE {row.table} MODIFY SETTING storage_policy = '{wanted.storage_policy}'")
        done.append(f"storage policy {wanted.storage_policy}")
    match = _TTL.search(row.engine)
    if (match[1] if match else "") != ttl_of(wanted):
        # the times of old parts are computed again from ts alone, without writing the parts anew
        store.execute(f"ALTER TABLE {row.table} MODIFY SETTING materialize_ttl_recalculate_only = 1")
        store.execute(f"ALTER TABLE {row.table} MODIFY TTL {ttl_of(wanted)}")
        done.append(f"TTL {ttl_of(wanted)}")
    return done
