"""Reads modules' EEPROM in a thread of its own: one read takes up to seconds, and one that hangs must hang nobody."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from clusterctl.agent.probes.ethtool import EthtoolSource
from clusterctl.agent.probes.optics import Optics, decode
from clusterctl.clock import Clock, SystemClock

EVERY_S = 600.0
VALID_S = 720.0
"""A reading is shown until the next one is due, with room for a slow round; after that it is no reading."""
MAX_WAITING = 64


@dataclass(slots=True)
class _Module:
    asked_s: float
    read_s: float | None = None
    optics: Optics | None = None


class OpticsReader:
    """`want` names the interfaces; `latest` gives what was read of one within the last `VALID_S` seconds."""

    def __init__(self, ethtool: EthtoolSource, clock: Clock | None = None) -> None:
        self._ethtool = ethtool
        self._clock = clock or SystemClock()
        self._modules: dict[str, _Module] = {}
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def want(self, interfaces: Iterable[str]) -> None:
        """Have those read whose last reading was asked for `EVERY_S` ago; forget all others. Never waits: while a
        read hangs nothing further is read, and old readings run out."""
        now_s = self._clock.monotonic_s()
        wanted = list(interfaces)
        with self._lock:
            self._modules = {name: self._modules[name] for name in wanted if name in self._modules}
            due = [
                name for name in wanted if name not in self._modules or now_s - self._modules[name].asked_s >= EVERY_S
            ]
            for name in due:
                if self._waiting.full():
                    break
                self._modules.setdefault(name, _Module(now_s)).asked_s = now_s
                self._waiting.put_nowait(name)
        if due and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="optics", daemon=True)
            self._thread.start()

    def latest(self, interface: str) -> Optics | None:
        """The last reading, if it is recent and the module has any."""
        with self._lock:
            module = self._modules.get(interface)
            if module is None or module.read_s is None or self._clock.monotonic_s() - module.read_s > VALID_S:
                return None
            return module.optics

    def close(self) -> None:
        """End the thread, unless it hangs in a read: then it ends with the process."""
        if self._thread is not None and not self._waiting.full():
            self._waiting.put_nowait(None)
            self._thread.join(timeout=1.0)

    def _work(self) -> None:
        while (name := self._waiting.get()) is not None:
            optics = decode(self._ethtool.module_eeprom(name) or b"")
            with self._lock:
                module = self._modules.get(name)
                if module is not None:
                    module.read_s, module.optics = self._clock.monotonic_s(), optics
