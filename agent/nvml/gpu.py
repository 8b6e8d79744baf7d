"""One GPU: what is asked of it, at which tier, and what it has refused.

A lost GPU keeps its row, without readings, and is not asked again by this process: each question may cost seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from clusterctl.agent.nvml.batch import Batch, Entry, Readings, entries
from clusterctl.agent.nvml.calls import CALLS
from clusterctl.agent.nvml.direct import Direct, direct_calls
from clusterctl.agent.nvml.fields import GPU_FIELDS, HEALTH, LINK_FIELDS, LINK_STATE, LINKS, MAX_LINKS, SAMPLE, Tier
from clusterctl.agent.nvml.gpm import Gpm
from clusterctl.agent.nvml.library import ABSENT, GONE, LOST, NVML, code_of
from clusterctl.agent.nvml.links import link_rows, link_sums
from clusterctl.agent.nvml.mig import MigDevices
from clusterctl.agent.nvml.values import SUCCESS
from clusterctl.agent.rounding import significant

SLOW_CALL_S = {Tier.FAST: 0.002, Tier.MEDIUM: 0.020}
ROUNDS = 3
MAX_ERRORS = 32
ASK_AGAIN_S = 600.0
BATCH = "nvmlDeviceGetFieldValues"
LATENCY_BITS = 5
"""Significant bits of our own latency: 3 %, which is less than it differs by from one reading to the next."""


class DriverGone(Exception):
    """The driver was unloaded or replaced; its text is NVML's code."""


class Gpu:
    """Not for two threads at once. `asked_s` is when the question that is under way was put."""

    def __init__(self, uuid: str, index: int, handle: Any, pci: str, driver_version: str) -> None:
        self.uuid, self.index, self.handle, self.pci = uuid, index, handle, pci
        self.lost = False
        self.asked_s = time.monotonic()
        self.errors: list[tuple[int, str]] = []
        """(code, function) of what failed since the last reading, for a reason that is not absence."""
        self.moved: list[str] = []
        """Columns and calls that turned out to be slow, and now come at a slower tier."""
        self._driver_version = driver_version
        self._absent: set[tuple[Any, ...]] = set()
        self._absent_since_s = self.asked_s
        self._direct = direct_calls(handle)
        self._times: dict[str, list[float]] = {}
        self._rounds = 0
        self._batches = {
            tier: Batch(tier, entries((s for s in GPU_FIELDS if s.tier is tier), driver_version)) for tier in Tier
        }
        self._links: list[int] | None = None
        self._gpm = Gpm(self)
        self.mig = MigDevices(self)

    def call(self, function: Callable[..., Any] | str, *arguments: Any) -> Any:
        """The answer, or None. Raises DriverGone."""
        name = function if isinstance(function, str) else function.__name__
        key = (name, *(argument for argument in arguments if isinstance(argument, int)))
        if self.lost or key in self._absent:
            return None
        self.asked_s = time.monotonic()
        code, answer = code_of(function, *arguments)
        if code == SUCCESS:
            return answer
        self._refused(key, code)
        return None

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """As `call`, of this GPU."""
        return self.call(function, self.handle, *arguments)

    def _refused(self, key: tuple[Any, ...], code: int) -> None:
        """A call that is absent with some arguments may be there with others, and a batch has codes of its own."""
        if code in GONE:
            raise DriverGone(str(code))
        if code in ABSENT and key[0] != BATCH:
            self._absent.add(key)
            return
        self.lost = self.lost or code == LOST
        if len(self.errors) < MAX_ERRORS:
            self.errors.append((code, str(key[0])))

    def is_absent(self, name: str) -> bool:
        """Whether this GPU or driver has refused a call for good, as far as we know now."""
        return any(key[0] == name for key in self._absent)

    def _ask_again(self) -> None:
        """What was absent may be there by now: MIG was turned off, a right was given."""
        if time.monotonic() - self._absent_since_s >= ASK_AGAIN_S:
            self._absent.clear()
            self._absent_since_s = time.monotonic()

    def read(self, level: int) -> dict[str, Any]:
        """All readings of the tiers up to `level`: a dict for each table that has any. Raises DriverGone."""
        began = time.perf_counter()
        self.errors, self.moved = [], []
        self._ask_again()
        readings: Readings = {}
        if self._links is None:
            self._find_links()
        for tier in Tier:
            if tier > level or self.lost:
                break
            readings.update(self._batches[tier].read(self.handle, self.call))
            self._call_direct(tier, readings)
            self._demote(tier)
        readings.update(self._gpm.read())
        for call in CALLS if level >= Tier.SLOW else ():
            found = call.read(self)
            readings.update({(HEALTH, name, None): value for name, value in found.items() if value is not None})
        return self._sorted(readings, level, began)

    def _sorted(self, readings: Readings, level: int, began: float) -> dict[str, Any]:
        row: dict[str, Any] = {"uuid": self.uuid, "index": self.index, "pci": self.pci, "lost": self.lost}
        tables: dict[str, dict[str, Any]] = {SAMPLE: {}, LINKS: {}, HEALTH: {}}
        for (table, column, link), value in readings.items():
            if link is None:
                tables[table][column] = value
        tables[SAMPLE]["nvml_latency_us"] = int(significant((time.perf_counter() - began) * 1e6, LATENCY_BITS))
        row["sample"] = tables[SAMPLE]
        if level >= Tier.MEDIUM and not self.lost:
            links = link_rows(readings, self._links or [])
            row["links"] = {**link_sums(links, len(self._links or [])), **tables[LINKS]}
            row["nvlinks"] = links
            row["pids"] = self._pids()
            row["mig"] = self.mig.read()
        if level >= Tier.SLOW and not self.lost:
            row["health"] = {**tables[HEALTH], "mig_devices": self.mig.count}
            if row["pids"] is not None:
                row["health"]["processes"] = len(row["pids"])
        if self.errors:
            row["errors"] = self.errors
        if self.moved:
            row["moved"] = self.moved
        return row

    def _call_direct(self, tier: Tier, readings: Readings) -> None:
        """What every tick asks; in the first rounds with a watch on each."""
        learning = self._rounds < ROUNDS
        self._rounds += learning and tier is Tier.FAST
        for direct in self._direct:
            if direct.tier is not tier or direct.skip in readings or direct.key in self._absent or self.lost:
                continue
            self.asked_s = began = time.monotonic()
            code = direct.function(*direct.arguments)
            if code == SUCCESS:
                direct.take(readings)
            else:
                self._refused(direct.key, code)
            if learning:
                self._judge(direct, time.monotonic() - began)

    def _judge(self, direct: Direct, took_s: float) -> None:
        times = self._times.setdefault(direct.name, [])
        times.append(took_s)
        limit_s = SLOW_CALL_S.get(direct.tier)
        if len(times) == ROUNDS and limit_s is not None and sorted(times)[ROUNDS // 2] > limit_s:
            direct.tier = Tier(direct.tier + 1)
            self.moved.append(direct.name)

    def _demote(self, tier: Tier) -> None:
        slow = self._batches[tier].too_slow()
        if slow:
            self._batches[Tier(tier + 1)].add([Entry(e.spec, e.number, e.scope, e.link) for e in slow])
            self.moved += [entry.spec.column for entry in slow]

    def _find_links(self) -> None:
        """The links that this GPU has: those whose state is answered, whatever it is."""
        every = [entry for link in range(MAX_LINKS) for entry in entries([LINK_STATE], self._driver_version, link)]
        failed = len(self.errors)
        found = Batch(Tier.MEDIUM, every).read(self.handle, self.call)
        if len(self.errors) > failed or self.lost:
            return  # not an answer: asked again at the next reading
        self._links = sorted(link for _, _, link in found if link is not None)
        for tier in (Tier.MEDIUM, Tier.SLOW):
            specs = [spec for spec in (LINK_STATE, *LINK_FIELDS) if spec.tier is tier]
            self._batches[tier].add([e for link in self._links for e in entries(specs, self._driver_version, link)])

    def _pids(self) -> list[int] | None:
        """Processes on this GPU; None when NVML does not tell."""
        found = self.ask(NVML.nvmlDeviceGetComputeRunningProcesses)
        return None if found is None else sorted({int(process.pid) for process in found})[:512]
