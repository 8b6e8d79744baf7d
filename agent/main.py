"""The node agent: ticks on a grid, listens to the kernel log, and never lets one of them wait for another.

Threads: ticks (this one), GPUs, kernel log, and with Kafka the publisher. Each part that fails for good takes the agent
down, loudly, so that its supervisor starts it anew; the spool keeps what it had.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent import inventory
from clusterctl.agent.gpu import GpuReading, GpuWorker
from clusterctl.agent.kmsg.device import LogSource, open_source
from clusterctl.agent.kmsg.events import Coalescer
from clusterctl.agent.outbox import Outbox
from clusterctl.agent.presence import MinuteBook, Seen
from clusterctl.agent.probes.host import HostProbe, boot_id, own_cost
from clusterctl.agent.probes.net import ports
from clusterctl.agent.probes.pci import nvidia_gpus
from clusterctl.agent.publish import Publisher
from clusterctl.agent.schedule import Ticker, phase_ms
from clusterctl.bus import Partition, open_bus, spool_dir, topic_of
from clusterctl.bus.spool import SpoolBus
from clusterctl.clock import MS_PER_S, Clock, SystemClock
from clusterctl.config import Config
from clusterctl.schema import EVENT, GPU_SAMPLE, HOST_SAMPLE, INVENTORY, NIC_SAMPLE, PRESENCE, Lane

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.25
LOG_WAIT_S = 0.2
LAST_WORDS_S = 5.0
"""A stopping agent gives the broker this long to take what is still in the spool."""


class Agent:
    """One node. `run` returns when `stop` is set, and raises what ended a thread."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self.config = config
        self.clock = clock or SystemClock()
        self.stop = threading.Event()
        self._all_said = threading.Event()
        self._sysfs, self._procfs = Path(config.agent.sysfs_root), Path(config.agent.procfs_root)
        self._boot_id = boot_id(self._procfs)
        self._bus = SpoolBus(spool_dir(config), config.agent.spool_max_bytes)
        self._outbox = Outbox(config, self._bus, self._boot_id, self.clock)
        self._host = HostProbe(self._sysfs, self._procfs)
        self._gpu = GpuWorker(self.clock, config.agent.nvml_deadline_s, enabled=config.agent.nvml)
        self._gpu_tick: int | None = None
        self._gpu_wanted = threading.Event()
        self._gpu_last = GpuReading(missing="not_asked_yet")
        self._uuid_of: dict[str, str] = {}
        self._log_lost = 0
        self._log_blind = ""
        self._position_unsaved = False
        self._event_seq = self.clock.now_ms() * 1_000
        self._failure: BaseException | None = None
        self._said: set[str] = set()

    def run(self) -> None:
        """Until stopped. Raises what ended one of its threads."""
        probes = [self._thread("gpu", self._gpu_loop), self._thread("kmsg", self._log_loop)]
        publisher = [self._thread("publish", self._publish)] if self.config.bus.kind == "kafka" else []
        for thread in (*probes, *publisher):
            thread.start()
        try:
            self._tick_loop()
        finally:
            self.stop.set()
            self._gpu_wanted.set()
            for thread in probes:
                thread.join(timeout=self.config.agent.nvml_deadline_s + 1.0)
            self._all_said.set()
            for thread in publisher:
                thread.join(timeout=LAST_WORDS_S + 6.0)
            self._gpu.close()
            self._outbox.close()
        if self._failure is not None:
            raise self._failure

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

    # -- ticks ---------------------------------------------------------------------------------------------------------

    def _tick_loop(self) -> None:
        period_ms = int(self.config.agent.period_s * MS_PER_S)
        ticker = Ticker(period_ms, phase_ms(self.config.site.host_name(), period_ms), self.clock)
        book = MinuteBook(period_ms)
        next_inventory_s = 0.0
        while not self.stop.is_set():
            tick_ms = ticker.next_ms()
            while not ticker.wait(tick_ms, LOOK_EVERY_S):
                if self.stop.is_set():
                    break
                tick_ms = ticker.next_ms()  # the clock may have been set while we slept
            else:
                self._tick(tick_ms, ticker.missed)
                self._put(PRESENCE, book.tick(tick_ms, self._seen(), self._log_lost))
                ticker.served(tick_ms)
                if self.clock.monotonic_s() >= next_inventory_s and self._gpu_last.missing != "not_asked_yet":
                    self._put(INVENTORY, self.inventory_rows(tick_ms))
                    next_inventory_s = self.clock.monotonic_s() + self.config.agent.inventory_period_s
        self._put(PRESENCE, book.close(self.clock.now_ms()))

    def _tick(self, tick_ms: int, missed: int) -> None:
        self._gpu_tick = tick_ms
        self._gpu_wanted.set()
        host = HOST_SAMPLE.row(
            ts=tick_ms,
            period_ms=int(self.config.agent.period_s * MS_PER_S),
            **self._host.read(),
            **own_cost(),
            spool_bytes=self._outbox.size_bytes,
            spool_lost_batches=self._outbox.lost,
            ticks_missed=missed,
        )
        self._put(HOST_SAMPLE, [host])
        self._put(NIC_SAMPLE, ports(self._sysfs, tick_ms))

    def _seen(self) -> Seen:
        """What the minute should say: GPUs against the PCI bus, and every source that is blind."""
        configured = self.config.site.gpus_expected
        on_bus = len(nvidia_gpus(self._sysfs))
        reading = self._gpu_last
        blind = [f"gpu:{reading.missing}"] if reading.missing and reading.missing != "not_asked_yet" else []
        if self._log_blind:
            blind.append(f"kmsg:{self._log_blind}")
        lost = set(reading.lost)
        seen = None if reading.missing else sum(row["gpu_uuid"] not in lost for row in reading.samples)
        for reason in blind:
            self._say_once(reason)
        return Seen(configured if configured >= 0 else on_bus, seen, tuple(blind))

    def _say_once(self, reason: str) -> None:
        """Each blind spot is logged once and sent as an event once; reports show it as coverage."""
        if reason in self._said:
            return
        self._said.add(reason)
        source, _, why = reason.partition(":")
        log.warning("running on without %s: %s", source, why.replace("_", " "))
        self._put(EVENT, [self._agent_event("blind", reason, "unknown")])

    def inventory_rows(self, now_ms: int) -> list[msgspec.Struct]:
        """What this node, its GPUs and its ports are."""
        gpus = self._gpu.inventory() if not self._gpu_last.missing else []
        return inventory.rows(self.config.site, self._sysfs, self._procfs, gpus, self._gpu.driver_version, now_ms)

    # -- GPUs ----------------------------------------------------------------------------------------------------------

    def _gpu_loop(self) -> None:
        while not self.stop.is_set():
            self._gpu_wanted.wait()
            self._gpu_wanted.clear()
            tick_ms = self._gpu_tick
            if tick_ms is None or self.stop.is_set():
                continue
            self.gpu_tick(tick_ms)

    def gpu_tick(self, tick_ms: int) -> list[msgspec.Struct]:
        """Ask all GPUs for one tick; their rows, which have also been put into the outbox."""
        before = self._gpu_last
        reading = self._gpu.sample()
        self._uuid_of.update({row["pci"]: row["gpu_uuid"] for row in reading.samples})
        rows = [GPU_SAMPLE.row(ts=tick_ms, **row) for row in reading.samples]
        self._put(GPU_SAMPLE, rows)
        events = [
            self._agent_event(
                "xid", str(event["xid"]), "fail", source="nvml", pci=event["pci"], gpu_uuid=event["gpu_uuid"]
            )
            for event in reading.events
        ]
        events += [
            self._agent_event("gpu_lost", "", "fail", gpu_uuid=uuid) for uuid in reading.lost if uuid not in before.lost
        ]
        if reading.missing == "nvml_hung" and before.missing != "nvml_hung":
            events.append(self._agent_event("nvml_hung", "", "fail"))
        self._put(EVENT, events)
        self._gpu_last = reading
        return rows

    def _agent_event(
        self, kind: str, code: str, severity: str, *, source: str = "agent", pci: str = "", gpu_uuid: str = ""
    ) -> msgspec.Struct:
        now_ms = self.clock.now_ms()
        self._event_seq += 1
        return EVENT.row(
            ts=now_ms,
            last_ts=now_ms,
            count=1,
            kind=kind,
            code=code,
            severity=severity,
            source=source,
            source_seq=self._event_seq,
            pci=pci,
            gpu_uuid=gpu_uuid,
            process="",
            driver_version=self._gpu.driver_version,
            ts_source="wall",
            text="",
            fields="{}",
        )

    # -- kernel log ----------------------------------------------------------------------------------------------------

    def _log_loop(self) -> None:
        source = self._open_log()
        if source is None:
            return
        coalescer = Coalescer("kmsg")
        try:
            while not self.stop.is_set():
                lines = source.read(LOG_WAIT_S)
                rows = coalescer.take(lines) + coalescer.flush(self.clock.now_ms())
                self._put(EVENT, [self._resolved(row) for row in rows])
                self._log_lost = source.lost
                if lines:
                    self._save_position(source)
            self._put(EVENT, [self._resolved(row) for row in coalescer.flush()])
        finally:
            source.close()

    def _resolved(self, row: msgspec.Struct) -> msgspec.Struct:
        """The event with the GPU behind its address, where NVML has told it."""
        pci = str(getattr(row, "pci", ""))
        return msgspec.structs.replace(
            row, gpu_uuid=self._uuid_of.get(pci, ""), driver_version=self._gpu.driver_version
        )

    def _open_log(self) -> LogSource | None:
        if not self.config.agent.kmsg_path:
            self._log_blind = "off_by_configuration"
            return None
        path = Path(self.config.agent.kmsg_path)
        try:
            return open_source(
                path, self.clock, self._saved_position(), any_facility=self.config.agent.kmsg_any_facility
            )
        except OSError as error:
            self._log_blind = (error.strerror or "unreadable").lower().replace(" ", "_").replace(",", "")
            return None

    def _position_file(self) -> Path:
        return self.config.site.data_path() / "kmsg-position.json"

    def _saved_position(self) -> dict[str, int]:
        """Where the last run stopped, if that was in this boot and on this file."""
        try:
            saved = json.loads(self._position_file().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        same = saved.get("boot_id") == self._boot_id and saved.get("path") == self.config.agent.kmsg_path
        return dict(saved["position"]) if same else {}

    def _save_position(self, source: LogSource) -> None:
        """So that a restart sends no line twice; a disk that is full only costs that."""
        file = self._position_file()
        saved = {"boot_id": self._boot_id, "path": self.config.agent.kmsg_path, "position": source.position()}
        temporary = file.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps(saved), encoding="utf-8")
            temporary.replace(file)
        except OSError as error:
            if not self._position_unsaved:
                log.error("the place in the kernel log cannot be kept: %s", error)
            self._position_unsaved = True

    # -- out -----------------------------------------------------------------------------------------------------------

    def _put(self, table: Any, rows: Sequence[msgspec.Struct]) -> None:
        self._outbox.put(table, rows)

    def _publish(self) -> None:
        topics = [topic_of(lane, self.config) for lane in Lane]
        consumer = self._bus.consumer(topics, "publisher", _Nobody())
        bus = open_bus(self.config)
        Publisher(
            consumer,
            bus.producer,
            self.clock,
            max_in_flight=self.config.bus.max_in_flight,
            stuck_after_s=self.config.bus.stuck_after_s,
        ).run(self._all_said, LAST_WORDS_S)


class _Nobody:
    """The spool's partitions never go, so nobody needs to be told."""

    def assigned(self, partitions: Sequence[Partition]) -> None:
        return

    def revoked(self, partitions: Sequence[Partition]) -> None:
        return

    def lost(self, partitions: Sequence[Partition]) -> None:
        return
