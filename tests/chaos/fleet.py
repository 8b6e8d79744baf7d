"""The processes of one seed: agents and collectors, each with its own configuration, doors and log."""

from __future__ import annotations

import signal
import time
import uuid
from pathlib import Path

from clusterctl.agent.main import STATE
from clusterctl.agent.publish import Nobody
from clusterctl.analytics.migrate import migrate
from clusterctl.bus import dead_letter_topic, open_bus, spool_dir, topic_of
from clusterctl.bus.segments import scan, segments
from clusterctl.bus.spool import SpoolBus
from clusterctl.config import Config, load
from clusterctl.schema import Lane
from clusterctl.store import Store, open_store
from clusterctl.store.driver import create_database
from tests.chaos.ground import AGENTS, COLLECTORS, Ground
from tests.chaos.machine import MovedClock, SmallDisk
from tests.chaos.process import Child
from tests.chaos.rows import SENT_TABLES

PERIOD_S = 0.5
RESIDENTS = COLLECTORS[:2]
SETTINGS = {
    "BUS_KIND": "kafka", "BUS_SAMPLES_PARTITIONS": "4", "BUS_EVENTS_PARTITIONS": "2", "BUS_SESSION_TIMEOUT_S": "6",
    "BUS_SAMPLES_EVERY_S": "0.3", "BUS_STUCK_AFTER_S": "8",
    "STORE_KIND": "clickhouse", "STORE_TIMEOUT_S": "3",
    "COLLECTOR_SAMPLES_AGE_S": "0.3", "COLLECTOR_EVENTS_AGE_S": "0.2", "COLLECTOR_DEAD_FLOOR": "1000",
    "AGENT_PERIOD_S": str(PERIOD_S), "AGENT_NVML": "false", "AGENT_METRICS_LISTEN": "",
    "SITE_CLUSTER": "chaos",
}  # fmt: skip
NO_MERGES = (
    "ALTER TABLE {table} MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, "
    "max_bytes_to_merge_at_min_space_in_pool = 1"
)
"""A merge would hide a row that was stored twice."""


class Agent(Child):
    """With its machine: a clock, a disk, and the kernel log that it follows."""

    def __init__(self, name: str, env: dict[str, str], home: Path, library: Path | None) -> None:
        self.clock = MovedClock(home / f"{name}.clock", library)
        self.disk = SmallDisk(home / name)
        self.kmsg = home / f"{name}.kmsg"
        self.kmsg.write_text("6,1,1000000,-;Linux version 6.8.0\n")
        own = {
            "CLUSTERCTL_SITE_HOST": name,
            "CLUSTERCTL_SITE_DATA_DIR": str(self.disk.folder / "data"),
            "CLUSTERCTL_AGENT_KMSG_PATH": str(self.kmsg),
        }
        super().__init__(name, {**env, **own, **self.clock.env}, home / f"{name}.log", "agent", "run", "-v")
        self.config = load(None, {**env, **own})
        self.first_seqs: list[int] = []
        """Number of the first batch of samples of each run."""
        self.lines = 0
        self._spawned_s = 0.0

    def _spawn(self) -> None:
        self.first_seqs.append(self._next_seq())
        self._spawned_s = time.time()
        super()._spawn()

    def _next_seq(self) -> int:
        """What the spool gives next; asked while no agent runs."""
        known = segments(Path(spool_dir(self.config)) / topic_of(Lane.SAMPLES, self.config))
        if not known:
            return 0
        first, path = known[-1]
        return max((entry.offset + 1 for entry, _ in scan(path, first)), default=first)

    def log_xid(self) -> None:
        """The kernel says something that it never said before."""
        self.lines += 1
        us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        text = f"NVRM: Xid (PCI:0000:43:00): 95, pid=0, Uncontained {self.lines} {uuid.uuid4().hex}"
        with self.kmsg.open("a") as log:
            log.write(f"3,{self.lines + 1},{us},-;{text}\n")

    def ticked(self) -> bool:
        """Whether this run has noted a tick or two: from then on a gap is known to be one."""
        path = self.config.site.data_path() / STATE
        return self.running() and path.exists() and path.stat().st_mtime > self._spawned_s + 2 * PERIOD_S

    def unsent(self) -> int:
        """Entries of the spool that the broker has not acknowledged; asked when the agent has ended."""
        bus = SpoolBus(spool_dir(self.config), self.config.agent.spool_max_bytes)
        consumer = bus.consumer([topic_of(lane, self.config) for lane in Lane], "publisher", Nobody())
        try:
            return len(consumer.poll(0.0))
        finally:
            consumer.close()


class Fleet:
    """Topics, database and processes of one seed."""

    def __init__(self, ground: Ground, home: Path, name: str, agents: int) -> None:
        home.mkdir(parents=True)
        self.ground, self.home, self.name = ground, home, name
        own = {"BUS_TOPIC_PREFIX": name, "BUS_GROUP": name, "STORE_DATABASE": name, "SITE_DATA_DIR": str(home / "data")}
        direct = {"BUS_BOOTSTRAP_SERVERS": ground.kafka.address, "STORE_PORT": str(ground.clickhouse.port)}
        self._env = {f"CLUSTERCTL_{key}": value for key, value in {**SETTINGS, **own, **direct}.items()}
        self.config: Config = load(None, self._env)
        self.agents = {
            agent: Agent(agent, self._env | self._bus_of(agent), home, ground.clock_library)
            for agent in AGENTS[:agents]
        }
        self.clocks = {name: MovedClock(home / f"{name}.clock", ground.clock_library) for name in COLLECTORS}
        self.collectors = {name: self._collector(name) for name in COLLECTORS}
        self.replaced: list[Child] = []
        """Collectors that another was started for while they hung."""

    def _bus_of(self, name: str) -> dict[str, str]:
        return {"CLUSTERCTL_BUS_BOOTSTRAP_SERVERS": f"127.0.0.1:{self.ground.broker[name].port}"}

    def _collector(self, name: str, log: str = "") -> Child:
        env = {
            **self._env,
            **self._bus_of(name),
            **self.clocks[name].env,
            "CLUSTERCTL_BUS_INSTANCE_ID": name,
            "CLUSTERCTL_STORE_PORT": str(self.ground.server[name].port),
        }
        return Child(name, env, self.home / f"{log or name}.log", "collect", "-v")

    def replace(self, name: str) -> None:
        """Start another under the same name beside one that hangs, as a scheduler of containers may do."""
        old = self.collectors[name]
        old.signal(signal.SIGSTOP)
        old.wanted = False
        self.replaced.append(old)
        self.collectors[name] = self._collector(name, f"{name}-{len(self.replaced)}")
        self.collectors[name].start()

    def wake_replaced(self) -> None:
        """They go on where they hung, with names that others have now."""
        for child in self.replaced:
            child.signal(signal.SIGCONT)

    def end_replaced(self) -> None:
        """Those that have not understood yet."""
        for child in self.replaced:
            child.kill()

    @property
    def topics(self) -> list[str]:
        """What carries messages; dead letters have a topic of their own."""
        return [topic_of(lane, self.config) for lane in Lane]

    @property
    def dead_letters(self) -> str:
        return dead_letter_topic(self.config)

    def prepare(self) -> None:
        """Topics and tables, where nothing is ever merged."""
        open_bus(self.config).ensure_topics()
        create_database(self.config.store)
        store = self.store()
        try:
            migrate(store)
            for table in SENT_TABLES:
                store.execute(NO_MERGES.format(table=table.name))
        finally:
            store.close()

    def store(self) -> Store:
        """Past the doors."""
        return open_store(self.config)

    def start(self) -> None:
        for child in (*self.agents.values(), *(self.collectors[name] for name in RESIDENTS)):
            child.start()

    def children(self) -> list[Child]:
        return [*self.agents.values(), *self.collectors.values(), *self.replaced]

    def watch(self, *, calm: bool) -> None:
        """One look of the supervisor; `calm` when no fault is at work on broker, server or ways to them."""
        calm = self.ground.ready() and calm
        for child in self.children():
            child.watch()
            child.note_calm(calm)

    def close(self) -> None:
        """Kill whatever still runs."""
        for child in self.children():
            child.wanted = False
            if child.process is not None and child.running():
                child.process.kill()
                child.process.wait()
        for agent in self.agents.values():
            agent.disk.close()
