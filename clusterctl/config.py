"""Every setting, once: its default, its unit in its name, its meaning. Read from one TOML file, then `CLUSTERCTL_*`."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clusterctl.checks_config import ChecksConfig as ChecksConfig
from clusterctl.doctor_config import DoctorConfig as DoctorConfig
from clusterctl.errors import ConfigError
from clusterctl.knob import knob

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_FILE = "/etc/clusterctl/clusterctl.toml"
ENV_FILE = "CLUSTERCTL_CONFIG"
ENV_PREFIX = "CLUSTERCTL_"


def _data_dir() -> str:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return str(Path(base) / "clusterctl")


@dataclass(frozen=True)
class Site:
    """What this node is called."""

    cluster: str = knob("default", "Cluster name; reports are made per cluster.")
    host: str = knob("", "Host name in all rows; empty means this machine's own.")
    rack: str = knob("", "Rack, kept in the inventory.")
    gpus_expected: int = knob(-1, "GPUs that this node should have; -1 counts NVIDIA devices on the PCI bus.", least=-1)
    data_dir: str = knob("", "Where spool, embedded store and state live; empty means $XDG_DATA_HOME/clusterctl.")

    def host_name(self) -> str:
        """The configured name, or this machine's."""
        return self.host or socket.gethostname()

    def data_path(self) -> Path:
        """The data directory; nothing is created."""
        return Path(self.data_dir or _data_dir())


@dataclass(frozen=True)
class AgentConfig:
    """The node agent."""

    period_s: float = knob(
        1.0, "Sampling grid, seconds; at most 60, since exposure is counted in node-minutes.", least=0.1, most=60
    )
    medium_period_s: float = knob(10.0, "Links, disks, processes and checks: how often, seconds.", least=1)
    slow_period_s: float = knob(60.0, "Health, optics, file systems: how often, seconds.", least=1)
    sysfs_root: str = knob("/sys", "Where sysfs is mounted.")
    procfs_root: str = knob("/proc", "Where procfs is mounted.")
    kmsg_path: str = knob("/dev/kmsg", "Kernel log: the device, or a file to follow; empty reads none.")
    kmsg_any_facility: bool = knob(False, "Accept records that user space wrote to the device; for drills only.")
    nvml: bool = knob(True, "Ask NVML, in a process of its own.")
    nvml_deadline_s: float = knob(
        5.0, "A GPU, or the NVML worker, that stays silent longer is reported as hung.", least=0.1
    )
    nvml_stall_s: float = knob(
        0.3, "An NVML call that takes longer is left to itself, and the other GPUs are asked meanwhile.", least=0.01
    )
    spool_max_bytes: int = knob(
        268_435_456, "Bound of the on-disk spool; beyond it the oldest goes, counted.", least=1_048_576
    )
    inventory_period_s: float = knob(3600.0, "How often the inventory is read again.", least=1)
    metrics_listen: str = knob("127.0.0.1:9477", "Where Prometheus may scrape /metrics; empty means nowhere.")
    hook_socket: str = knob("", "Where jobs leave their marks; empty means hook.sock in the data directory.")


@dataclass(frozen=True)
class BusConfig:
    """Between agent and collector."""

    kind: str = knob(
        "local",
        "local: the agent's spool, read by a collector on this machine. kafka: Apache Kafka.",
        choices=("local", "kafka"),
    )
    bootstrap_servers: str = knob("127.0.0.1:9092", "Kafka brokers, host:port, comma-separated.")
    topic_prefix: str = knob("clusterctl", "First part of every topic name.")
    group: str = knob("clusterctl-collector", "Consumer group of the collectors.")
    instance_id: str = knob(
        "",
        "Name of this collector within the group, one each: a restart then takes its partitions up at once instead of "
        "after the session timeout. Empty means none.",
    )
    session_timeout_s: float = knob(45.0, "A collector that is silent for this long loses its partitions.", least=6)
    samples_partitions: int = knob(16, "Partitions of the samples topic.", least=1)
    events_partitions: int = knob(4, "Partitions of the events topic.", least=1)
    replication_factor: int = knob(1, "Replicas of each partition; 3 on a real cluster.", least=1)
    retention_h: float = knob(168.0, "How long Kafka keeps the topics, hours.", least=1)
    max_in_flight: int = knob(64, "Unacknowledged messages of one agent; bounds its memory.", least=1)
    samples_every_s: float = knob(
        5.0, "How long an agent's samples wait to be sent together; events never wait.", least=0.01
    )
    stuck_after_s: float = knob(
        150.0, "No acknowledgement for this long while some are due: build a new producer.", least=1
    )


@dataclass(frozen=True)
class StoreConfig:
    """Where rows live."""

    kind: str = knob(
        "chdb", "chdb: the ClickHouse engine inside the process. clickhouse: a server.", choices=("chdb", "clickhouse")
    )
    host: str = knob("127.0.0.1", "ClickHouse server.")
    port: int = knob(9000, "Its native protocol port.", least=1)
    user: str = knob("default", "User.")
    password: str = knob("", "Password; better given as CLUSTERCTL_STORE_PASSWORD.")
    database: str = knob("clusterctl", "Database; migrate creates it.")
    secure: bool = knob(False, "Use TLS.")
    timeout_s: float = knob(30.0, "Connect and reply timeout, seconds.", least=1)
    cluster: str = knob("", "Cluster, as the servers' remote_servers name it; empty: a single server.")
    shards: str = knob(
        "",
        "Servers that collectors write to: shards by ';', the replicas of one by ',', each host or host:port, in the order "
        "of remote_servers. Example: ch1a,ch1b;ch2a,ch2b.",
    )
    keeper_path: str = knob(
        "/clickhouse/tables/{shard}/{database}/{table}", "Where Keeper keeps a table; the servers fill in the macros."
    )
    replica: str = knob("{replica}", "A replica's name in Keeper, unique in its shard.")
    report_timeout_s: float = knob(60.0, "A query of a report or dashboard ends after this long, seconds.", least=1)
    report_memory_bytes: int = knob(
        4_294_967_296, "A query of a report or dashboard may take this much of the engine's memory.", least=16_777_216
    )
    raw_days: int = knob(
        30, "Samples are kept this long, days; rollups for ever. More than collector.late_bound_h.", least=8
    )
    hot_days: int = knob(7, "With a storage policy, samples move to its cold volume after this long, days.", least=1)
    storage_policy: str = knob(
        "", "Storage policy of the server for samples, with a cold volume; empty: the server's default, no tiers."
    )
    cold_volume: str = knob("cold", "Volume of that policy that old samples move to.")


@dataclass(frozen=True)
class CollectorConfig:
    """From bus to store."""

    block_rows: int = knob(100_000, "Cut a block at this many rows.", least=1)
    block_bytes: int = knob(33_554_432, "Cut a block at this many bytes of messages.", least=1)
    samples_age_s: float = knob(5.0, "Cut a block of samples at this age, seconds.", least=0.01)
    events_age_s: float = knob(1.0, "Cut a block of events at this age, seconds.", least=0.01)
    writers: int = knob(2, "Blocks that are stored at once, each over a connection of its own.", least=1, most=64)
    hold_bytes: int = knob(
        134_217_728,
        "Fetch nothing more while messages of this many bytes wait for the store: the bound of the collector's memory.",
        least=1_048_576,
    )
    late_bound_h: float = knob(
        168.0, "Rows older than this against the broker's clock are dead letters, hours.", least=0.1
    )
    ahead_bound_s: float = knob(300.0, "Rows further ahead of the broker's clock are dead letters, seconds.", least=1)
    dead_share: float = knob(0.01, "Stop when more than this share of a minute's records are dead letters.", least=0)
    dead_floor: int = knob(100, "Dead letters that any minute may have, however few its records.", least=0)
    dead_in_a_row: int = knob(1000, "Stop after more than this many dead letters in a row.", least=1)
    metrics_listen: str = knob("127.0.0.1:9478", "Where Prometheus may scrape /metrics; empty means nowhere.")


@dataclass(frozen=True)
class AnalyticsConfig:
    """From events to numbers."""

    targets: tuple[float, ...] = knob((0.48, 0.16), "Rates per 1000 GPU-days that reports judge against.")
    episode_gap_s: float = knob(5.0, "Signals of one device and code join an episode up to this gap.", least=0)
    incident_quiet_h: float = knob(24.0, "An incident closes after this long without a signal.", least=0.01)
    incident_longest_h: float = knob(
        1_440.0, "A node that never comes back holds its incident open for so long.", least=24
    )
    telemetry_gap_min: int = knob(10, "A node that is silent for longer than this has a gap, minutes.", least=1)
    refresh_period_s: float = knob(10.0, "How often `clusterctl up` recomputes incidents.", least=0.1)
    rollup_period_s: float = knob(300.0, "How often hours and days are rolled up, seconds.", least=1)
    late_bound_min: float = knob(
        15.0, "An hour or day is rolled up this long after its end, minutes, and again when rows come later.", least=0
    )
    catalog_overrides: str = knob("", "TOML file in which the site judges Xids itself (docs/catalog.md); empty: none.")
    planned_reasons: str = knob(
        "maint,planned", "A drain whose reason begins with one of these words was planned; comma-separated."
    )
    min_coverage: float = knob(0.95, "Below this share of observed node-minutes no verdict is given.", least=0)
    slow_ratio: float = knob(
        0.10,
        "Slow is what is this much worse than its peers' median or its own past, as a share.",
        least=0.01,
        most=0.9,
    )
    slow_min_s: float = knob(300.0, "For so long at least, seconds; looked at in minutes.", least=60)
    slow_peers_count: int = knob(3, "A GPU or port is compared with so many others at least.", least=2)
    slow_false_alarm_ratio: float = knob(
        0.01, "Chance of any false finding of slowness in a whole cluster and window.", least=1e-9, most=0.5
    )
    slow_window_h: float = knob(24.0, "How far back slowness is looked for, hours.", least=1, most=168)
    slow_period_s: float = knob(300.0, "How often slowness is looked for, seconds.", least=1)
    comm_period_s: float = knob(300.0, "How often communication is estimated from telemetry, seconds.", least=1)
    comm_window_min: int = knob(
        10, "Of each hour of a job the last so many minutes are estimated from, minutes.", least=1, most=60
    )
    comm_gpus_count: int = knob(64, "From so many GPUs of a job at most, taken by lot.", least=1, most=4096)
    comm_lookback_h: float = knob(
        6.0, "How far back hours are estimated that have no estimate yet, hours.", least=1, most=720
    )


@dataclass(frozen=True)
class GrafanaConfig:
    """Where dashboards go."""

    url: str = knob("http://127.0.0.1:3000", "Grafana's address.")
    token: str = knob("", "Service-account token; better given as CLUSTERCTL_GRAFANA_TOKEN.")
    datasource_uid: str = knob("clusterctl-clickhouse", "UID of the ClickHouse data source.")
    folder: str = knob("clusterctl", "Folder for the dashboards.")


@dataclass(frozen=True)
class Config:
    """All sections. Frozen: what a process started with is what it runs with."""

    site: Site = field(default_factory=Site)
    agent: AgentConfig = field(default_factory=AgentConfig)
    checks: ChecksConfig = field(default_factory=ChecksConfig)
    bus: BusConfig = field(default_factory=BusConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    collector: CollectorConfig = field(default_factory=CollectorConfig)
    analytics: AnalyticsConfig = field(default_factory=AnalyticsConfig)
    doctor: DoctorConfig = field(default_factory=DoctorConfig)
    grafana: GrafanaConfig = field(default_factory=GrafanaConfig)


@dataclass(frozen=True)
class Knob:
    """One setting, for the documentation and the checks."""

    section: str
    name: str
    type: Any
    default: Any
    doc: str
    choices: tuple[str, ...]
    least: float | None
    most: float | None

    @property
    def env(self) -> str:
        """The environment variable that overrides it."""
        return f"{ENV_PREFIX}{self.section}_{self.name}".upper()


def knobs() -> Iterator[Knob]:
    """Every setting in declared order."""
    for section in dataclasses.fields(Config):
        cls = typing.get_type_hints(Config)[section.name]
        hints = typing.get_type_hints(cls)
        for item in dataclasses.fields(cls):
            meta = item.metadata
            yield Knob(
                section.name,
                item.name,
                hints[item.name],
                item.default,
                meta["doc"],
                meta["choices"],
                meta["least"],
                meta["most"],
            )


def load(path: str | None = None, env: Mapping[str, str] = os.environ) -> Config:
    """The configuration of `path`, or of $CLUSTERCTL_CONFIG, or of the default file if it is there.

    Raises ConfigError with file, key and what was expected."""
    chosen = path or env.get(ENV_FILE) or ""
    source = chosen or DEFAULT_FILE
    raw: dict[str, Any] = {}
    if chosen or Path(DEFAULT_FILE).exists():
        try:
            raw = tomllib.loads(Path(source).read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{source}: {error.strerror}", hint="give --config FILE, or unset it") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{source}: {error}") from error
    values: dict[str, dict[str, Any]] = {section.name: {} for section in dataclasses.fields(Config)}
    declared = {(knob.section, knob.name): knob for knob in knobs()}
    for section, content in raw.items():
        if section not in values:
            raise ConfigError(f"{source}: unknown section [{section}], expected one of {', '.join(values)}")
        if not isinstance(content, dict):
            raise ConfigError(f"{source}: {section} is a section, written [{section}]")
        for name, value in content.items():
            values[section][name] = _checked(declared.get((section, name)), value, f"{source}: {section}.{name}")
    _override(values, declared, env)
    hints = typing.get_type_hints(Config)
    return Config(**{name: hints[name](**content) for name, content in values.items()})


def _override(
    values: dict[str, dict[str, Any]], declared: Mapping[tuple[str, str], Knob], env: Mapping[str, str]
) -> None:
    for item in declared.values():
        if item.env in env:
            parsed = _parsed(item, env[item.env])
            values[item.section][item.name] = _checked(item, parsed, f"environment: {item.env}")


def _parsed(item: Knob, given: str) -> Any:
    """An environment string as the TOML value that it stands for."""
    if item.type is str:
        return given
    try:
        return tomllib.loads(f"value = {given}")["value"]
    except tomllib.TOMLDecodeError:
        return given


def _checked(item: Knob | None, value: Any, where: str) -> Any:
    if item is None:
        raise ConfigError(f"{where}: unknown key", hint="clusterctl config show lists every key with its meaning")
    if item.type == tuple[float, ...]:
        if not isinstance(value, list) or not all(_is_number(entry) and entry > 0 for entry in value):
            raise ConfigError(f"{where}: expected a list of numbers above zero, got {value!r}")
        return tuple(float(entry) for entry in value)
    if item.type is float and _is_number(value):
        value = float(value)
    if type(value) is not item.type:
        raise ConfigError(f"{where}: expected {item.type.__name__}, got {value!r}")
    if item.choices and value not in item.choices:
        raise ConfigError(f"{where}: expected one of {', '.join(item.choices)}, got {value!r}")
    if item.least is not None and not value >= item.least:
        raise ConfigError(f"{where}: expected at least {item.least:g}, got {value!r}")
    if item.most is not None and value > item.most:
        raise ConfigError(f"{where}: expected at most {item.most:g}, got {value!r}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
