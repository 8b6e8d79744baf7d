"""The node agent: ticks on a grid, listens to the kernel log, and never lets one of its parts wait for another.

Threads: ticks (this one), one for each of GPUs, host, ports and file systems, the kernel log, the local sockets, and with
Kafka the publisher. Each part that fails for good takes the agent down, loudly, so that its supervisor starts it anew; the
spool keeps what it had.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from clusterctl.agent.beat import Beat
from clusterctl.agent.checks.registry import NodeFacts
from clusterctl.agent.checks.runner import CheckRunner
from clusterctl.agent.facts import Facts
from clusterctl.agent.gpu import HUNG, START_S, GpuWorker
from clusterctl.agent.gpu_part import NOT_ASKED, GpuPart
from clusterctl.agent.handover import FOLDER, MEMORY
from clusterctl.agent.inbox import Inbox
from clusterctl.agent.inventory import InventoryPart
from clusterctl.agent.jobs.marks import MarkSocket
from clusterctl.agent.jobs.owner import JobResolver
from clusterctl.agent.jobs.steps import MarkBook
from clusterctl.agent.kmsg.follow import LogFollower
from clusterctl.agent.latest import Latest
from clusterctl.agent.ledger import Ledger
from clusterctl.agent.local import CONTROL, ControlSocket, gather
from clusterctl.agent.metrics import MetricsServer
from clusterctl.agent.node_part import Bus, FilesPart, HostPart, NetPart
from clusterctl.agent.notify import Notifier, watchdog_period_s
from clusterctl.agent.outbox import Outbox
from clusterctl.agent.presence import Seen
from clusterctl.agent.probes.host import boot_id
from clusterctl.agent.publish import Publisher, from_spool
from clusterctl.agent.schedule import Ticker, phase_ms
from clusterctl.agent.sink import Sink
from clusterctl.agent.state import StateFile
from clusterctl.agent.status import Status
from clusterctl.agent.tiers import MEDIUM, SLOW, Tiers
from clusterctl.bus import spool_dir
from clusterctl.bus.spool import SpoolBus
from clusterctl.clock import MS_PER_S, Clock, SystemClock
from clusterctl.config import Config
from clusterctl.errors import ClusterctlError
from clusterctl.schema import EVENT, JOB_MARK

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
STATE, LOG_STATE, HOOK = "agent-state", "kmsg-state.json", "hook.sock"
DATA_NAMES = frozenset({STATE, LOG_STATE, CONTROL, HOOK, FOLDER, MEMORY})
"""What an agent, and who hands rows over to it, keep in its data directory beside the spool."""
GPU = "gpu"
LAST_WORDS_S = 5.0
"""A stopping agent gives the broker this long to take what is still in the spool."""


class Agent:
    """One node. `run` returns when `stop` is set, and raises what ended a thread."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.stop = threading.Event()
        self._all_said = threading.Event()
        self._failure: BaseException | None = None
        self._said: set[str] = set()
        self._notify = Notifier()
        self._alive_every_s, self._alive_next_s = watchdog_period_s(), 0.0
        agent, data = config.agent, config.site.data_path()
        self._period_ms = int(agent.period_s * MS_PER_S)
        boot = boot_id(Path(agent.procfs_root))
        self._bus = SpoolBus(spool_dir(config), agent.spool_max_bytes)
        self._outbox = Outbox(config, self._bus, boot, self.clock)
        self.facts = Facts(self.clock)
        self.latest = Latest()
        self.checks = CheckRunner(config.checks, self.clock)
        self.sink = Sink(self._outbox, self.checks, self.latest, self.facts)
        self._jobs = JobResolver(Path(agent.procfs_root))
        self._marks = MarkBook(self.clock, self._jobs.job_of)
        worker = GpuWorker(self.clock, agent.nvml_deadline_s, agent.nvml_stall_s, enabled=agent.nvml)
        self.gpu = GpuPart(worker, self._jobs, self.facts, self.clock, self.sink.put, agent.nvml_deadline_s)
        self.ticker = Ticker(self._period_ms, phase_ms(config.site.host_name(), self._period_ms), self.clock)
        self.ledger = Ledger(StateFile(data / STATE, boot), self.ticker, self.facts, self.clock, self.sink.put)
        self.bus = Bus(config, most=self.ledger.gpus_most)
        self._inventory = InventoryPart(config, self.gpu, self.latest, self.clock, self.sink.put)
        host = HostPart(config, self._outbox, worker, self._ticks_missed, self.sink.put)
        self._host_beat = Beat("host", host.tick, self.clock)
        self.inbox = Inbox(config, self._outbox, self.clock, self.sink.put, self._say_once)
        self.beats = [
            Beat(GPU, self._gpu_tick, self.clock),
            self._host_beat,
            Beat("net", NetPart(config, self.sink.put).tick, self.clock),
            Beat("files", FilesPart(config, self.sink.put).tick, self.clock, from_level=SLOW),
            Beat("inbox", self.inbox.tick, self.clock, from_level=SLOW),
        ]
        self.log = LogFollower(
            Path(agent.kmsg_path) if agent.kmsg_path else None,
            data / LOG_STATE,
            self.clock,
            boot,
            any_facility=agent.kmsg_any_facility,
            put=lambda rows: self.sink.put(EVENT, rows),
            resolve=self._resolved,
        )
        self.publisher: Publisher | None = None
        self.seen = Seen(0, None, ())
        """What the last tick saw."""
        self._tiers = Tiers(
            config.site.host_name(), int(agent.medium_period_s * MS_PER_S), int(agent.slow_period_s * MS_PER_S)
        )
        self.status = Status(self, self._outbox, self._marks)

    # -- life ----------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Until stopped. Raises what ended one of its threads."""
        control = ControlSocket(self.config.site.data_path() / CONTROL, self.status.orders())
        marks = self._open_marks()
        metrics = self._open_metrics()
        parts: list[tuple[str, Callable[[], None]]] = [
            *((beat.name, partial(beat.run, self.stop)) for beat in self.beats),
            ("kmsg", lambda: self.log.run(self.stop)),
            ("control", lambda: control.serve(self.stop)),
            *([("marks", lambda: gather(self.stop, marks, self._marks))] if marks else []),
        ]
        threads = [self._thread(name, target) for name, target in parts]
        publisher = [self._thread("publish", self._publish)] if self.config.bus.kind == "kafka" else []
        for thread in (*threads, *publisher):
            thread.start()
        try:
            self._tick_loop()
        finally:
            self._notify.stopping()
            self.stop.set()
            for beat in self.beats:
                beat.wake()
            until_s = self.clock.monotonic_s() + self.config.agent.nvml_deadline_s + 1.0
            for thread in threads:  # together, not each: a supervisor waits for 25 s
                thread.join(timeout=max(0.0, until_s - self.clock.monotonic_s()))
            self.sink.put(JOB_MARK, self._marks.flush())
            self._all_said.set()
            for thread in publisher:
                thread.join(timeout=LAST_WORDS_S + 6.0)
            for part in (metrics, control, marks):
                if part is not None:
                    part.close()
            self.close()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Let everything go that was opened with the agent; `run` does it at its end."""
        self.gpu.worker.close()
        self._outbox.close()
        self.ledger.close()

    def _thread(self, name: str, target: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._guarded, args=(name, target), name=name, daemon=True)

    def _guarded(self, name: str, target: Callable[[], None]) -> None:
        """A thread that fails for good ends the agent: half an agent would look like a healthy one."""
        try:
            target()
        except BaseException as error:
            log.error("the %s part has failed: %s", name, error)
            self._failure = error
            self.stop.set()

    def _open_marks(self) -> MarkSocket | None:
        path = Path(self.config.agent.hook_socket or self.config.site.data_path() / HOOK)
        try:
            return MarkSocket(path)
        except (OSError, ClusterctlError) as error:
            self._say_once("marks:" + _word(getattr(error, "strerror", None) or str(error)))
            return None

    def _open_metrics(self) -> MetricsServer | None:
        try:
            return MetricsServer(self.config.agent.metrics_listen, self.status)
        except OSError as error:
            self._say_once("metrics:" + _word(error.strerror or "unavailable"))
            return None

    # -- ticks ---------------------------------------------------------------------------------------------------------

    def _tick_loop(self) -> None:
        self.ledger.take_up(self._look())
        gc.collect()
        gc.freeze()  # what was loaded stays: no need to look through it for garbage again and again
        self._notify.ready()
        while not self.stop.is_set():
            tick_ms = self.ticker.next_ms()
            while not self.ticker.wait(tick_ms, LOOK_EVERY_S):
                self._say_alive()
                if self.stop.is_set():
                    break
                tick_ms = self.ticker.next_ms()  # the clock may have been set while we slept
            else:
                self._tick(tick_ms)
                self._say_alive()
        self.ledger.end(clean=self._failure is None)

    def _say_alive(self) -> None:
        """To a supervisor that waits for it, no oftener than it asks."""
        now_s = self.clock.monotonic_s()
        if self._alive_every_s is not None and now_s >= self._alive_next_s:
            self._notify.watchdog()
            self._alive_next_s = now_s + self._alive_every_s

    def _tick(self, tick_ms: int) -> None:
        level = self._tiers.level(tick_ms)
        self.bus.look()
        for beat in self.beats:
            beat.want(tick_ms, level)
        self.sink.put(JOB_MARK, self._marks.flush(tick_ms))
        self.seen = self._look()
        self.ledger.tick(tick_ms, self.seen, self.log.lost, self.bus.most)
        if level >= MEDIUM:
            self._judge(tick_ms)

    def _ticks_missed(self) -> int:
        """Grid points without a `host_sample`: passed while a tick was being served, or while the host part was."""
        return self.ticker.missed + self._host_beat.missed

    def _gpu_tick(self, tick_ms: int, level: int) -> None:
        self.gpu.tick(tick_ms, level, self.bus.now)
        self._inventory.tick(tick_ms)

    def _judge(self, tick_ms: int) -> None:
        configured = self.config.site.gpus_expected
        facts = NodeFacts(
            ts=tick_ms,
            gpus_expected=configured if configured >= 0 else self.bus.most,
            gpus_on_bus=self.bus.now,
            gpus_seen=self.seen.gpus_seen,
            hung=tuple(sorted(self.gpu.news.hung)),
            missing=self.gpu.last.missing,
        )
        self.sink.judge(tick_ms, facts)

    def _look(self) -> Seen:
        """What the minute should say: GPUs against the PCI bus, and every source that is blind."""
        reading = self.gpu.last
        configured = self.config.site.gpus_expected
        deadline_s = self.config.agent.nvml_deadline_s
        late = {beat.name for beat in self.beats if beat.busy_s() > deadline_s + (START_S if beat.name == GPU else 0)}
        blind = [f"{name}:hung" for name in sorted(late)]
        if reading.missing and reading.missing != NOT_ASKED:
            blind.append(f"gpu:{reading.missing}")
        elif self.gpu.news.hung:
            blind.append(f"gpu:{HUNG}")
        if self.log.blind:
            blind.append(f"kmsg:{self.log.blind}")
        for reason in blind:
            self._say_once(reason)
        return Seen(
            gpus_expected=configured if configured >= 0 else self.bus.most,
            gpus_seen=None if reading.missing or GPU in late else reading.answering,
            blind=tuple(blind),
        )

    def _say_once(self, reason: str) -> None:
        """Each blind spot is logged once and sent as an event once; reports show it as coverage."""
        if reason in self._said:
            return
        self._said.add(reason)
        source, _, why = reason.partition(":")
        log.warning("running on without %s: %s", source, why.replace("_", " "))
        self.sink.put(EVENT, [self.facts.event("blind", reason, "unknown")])

    # -- out -----------------------------------------------------------------------------------------------------------

    def _resolved(self, row: msgspec.Struct) -> msgspec.Struct:
        """A kernel line's event with the GPU behind its address."""
        pci = str(getattr(row, "pci", ""))
        uuid = self.gpu.uuid_of(pci) or self.log.uuid_of(pci)
        return msgspec.structs.replace(row, gpu_uuid=uuid, driver_version=self.facts.driver_version)

    def _publish(self) -> None:
        self.publisher = from_spool(self.config, self._bus, self._outbox.urgent, self.clock)
        self.publisher.run(self._all_said, LAST_WORDS_S)


def _word(text: str) -> str:
    return text.lower().replace(" ", "_").replace(",", "")[:120]
