"""The configuration by itself: combinations that are allowed and will hurt."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clusterctl.config import DEFAULT_FILE, ENV_FILE, Config
from clusterctl.doctor.finding import Finding, fail, ok, warn
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import check
from clusterctl.schema import TABLES

LARGEST_BLOCK_ROWS = 1_048_449
"""Beyond it the server cuts an insert in two, and one token no longer stands for one block."""
LOOPBACK = ("127.", "localhost", "::1", "[::1]")


@dataclass(frozen=True, slots=True)
class FileSeen:
    """The configuration file. `others_read` is None where there is no file, only defaults and the environment."""

    path: str
    others_read: bool | None


def _file(patient: Patient) -> FileSeen:
    path = patient.config_file or os.environ.get(ENV_FILE) or DEFAULT_FILE
    if not Path(path).exists():
        return FileSeen("built-in defaults", None)
    return FileSeen(path, bool(Path(path).stat().st_mode & stat.S_IROTH))


@check("configuration", read=_file)
def configuration(file: FileSeen, config: Config) -> Iterator[Finding]:
    """The file is readable and has known keys only; combinations that lose data, or will not do what they look like."""
    wrong = [*_bus(config), *_store(config), *_collector(config), *_secrets(file, config), *_limits(config)]
    yield from wrong
    if not wrong:
        yield ok(file.path, "every key is known, no dangerous combination")


def _bus(config: Config) -> Iterator[Finding]:
    bus = config.bus
    servers = [server for server in bus.bootstrap_servers.split(",") if server.strip()]
    if bus.kind == "kafka" and bus.replication_factor == 1 and len(servers) > 1:
        yield warn(
            "bus.replication_factor",
            f"1 replica with {len(servers)} brokers: the loss of one loses records",
            "set bus.replication_factor = 3, and raise it on topics that exist (kafka-reassign-partitions.sh)",
        )
    if bus.kind == "kafka" and bus.retention_h < config.collector.late_bound_h:
        yield warn(
            "bus.retention_h",
            f"{bus.retention_h:g} h, while rows up to {config.collector.late_bound_h:g} h late "
            "are taken (collector.late_bound_h): Kafka forgets them first",
            "raise bus.retention_h, or lower collector.late_bound_h",
        )


def _store(config: Config) -> Iterator[Finding]:
    store = config.store
    if store.kind == "clickhouse" and store.password and not store.secure and not store.host.startswith(LOOPBACK):
        yield warn(
            "store.secure", f"false, while a password goes to {store.host}", "set store.secure = true and the TLS port"
        )


def _collector(config: Config) -> Iterator[Finding]:
    collector = config.collector
    if collector.block_rows > LARGEST_BLOCK_ROWS:
        yield fail(
            "collector.block_rows",
            f"{collector.block_rows:,} is above {LARGEST_BLOCK_ROWS:,}: the server cuts such "
            "an insert in two, and a repeat may be stored twice",
            "lower collector.block_rows",
        )
    kept_h = _kept_h()
    if collector.late_bound_h > kept_h:
        yield warn(
            "collector.late_bound_h",
            f"{collector.late_bound_h:g} h, while samples are kept {kept_h} h: what comes later is removed at once",
            f"set collector.late_bound_h to {kept_h} or less",
        )
    if collector.metrics_listen and collector.metrics_listen == config.agent.metrics_listen:
        yield fail(
            "collector.metrics_listen",
            f"{collector.metrics_listen} is the agent's address too",
            "give each a port of its own",
        )


def _kept_h() -> int:
    """The shortest time for which any table keeps its rows, as declared."""
    days = [int(found[1]) for table in TABLES if (found := re.search(r"INTERVAL (\d+) DAY", table.ttl))]
    return 24 * min(days)


def _secrets(file: FileSeen, config: Config) -> Iterator[Finding]:
    if file.others_read and (config.store.password or config.grafana.token):
        yield warn(
            file.path,
            "other users can read the file, and a password or token is set",
            f"chmod 600 {file.path}, or give them as CLUSTERCTL_STORE_PASSWORD and CLUSTERCTL_GRAFANA_TOKEN",
        )


def _limits(config: Config) -> Iterator[Finding]:
    doctor = config.doctor
    if doctor.clock_fail_s > config.collector.ahead_bound_s:
        yield warn(
            "doctor.clock_fail_s",
            f"{doctor.clock_fail_s:g} s is above collector.ahead_bound_s "
            f"({config.collector.ahead_bound_s:g} s): rows are lost before a clock fails",
            "lower doctor.clock_fail_s",
        )
    for name in ("lag", "fresh", "clock", "lost", "spool", "dead"):
        unit = {"lost": "ratio", "spool": "ratio", "dead": "per_h"}.get(name, "s")
        warns, fails = getattr(doctor, f"{name}_warn_{unit}"), getattr(doctor, f"{name}_fail_{unit}")
        if warns > fails:
            yield warn(
                f"doctor.{name}_warn_{unit}",
                f"{warns:g} is above doctor.{name}_fail_{unit} ({fails:g})",
                "the first limit has to come first",
            )
