"""The stage on which things happen: time, nodes in and out of service, jobs on them, and what each leaves behind."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from clusterctl.clock import MS_PER_S
from clusterctl.simulate.fleet.layout import fleet_of, pci, port_pci
from clusterctl.simulate.fleet.settings import Settings
from clusterctl.simulate.fleet.symptoms import Symptom
from clusterctl.simulate.fleet.world import IN_SERVICE, Echo, Line, Run, State, World

Action = Callable[[int], None]
PROCESSES = ("python3", "pt_main_thread", "megatron", "train.py")
HOUR_MS = 3_600_000
NVML_POLL_MS = 60_000
REST_MS = 1.5 * HOUR_MS
"""Between two jobs of a node, on average."""


class Stage:
    """A fleet in time. `at` plans an action; `play` runs them in their order until the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.fleet = fleet_of(settings)
        self.world = World(settings, self.fleet)
        self.chance = np.random.default_rng([settings.seed, 12])
        self.now_ms = settings.start_ms
        self.serving = [True] * settings.nodes
        self.job_of: list[Run | None] = [None] * settings.nodes
        self.free = deque(range(settings.nodes))
        self._planned: list[tuple[int, int, Action]] = []
        self._number = 0

    def at(self, when_ms: float, action: Action) -> None:
        """Do it then, with that time; what lies after the end is left out."""
        if when_ms < self.settings.end_ms:
            self._number += 1
            heapq.heappush(self._planned, (int(when_ms), self._number, action))

    def play(self, tell: Callable[[float], None]) -> None:
        """Everything that was planned, and what that plans."""
        span_ms = self.settings.end_ms - self.settings.start_ms
        while self._planned:
            self.now_ms, number, action = heapq.heappop(self._planned)
            action(self.now_ms)
            if number % 256 == 0:
                tell((self.now_ms - self.settings.start_ms) / span_ms)

    def uniform_ms(self, low_s: float, high_s: float) -> int:
        """A duration between the two."""
        return int(self.chance.uniform(low_s, high_s) * MS_PER_S)

    def pick(self, symptoms: Sequence[Symptom]) -> Symptom:
        """One of them, by weight."""
        weights = np.array([symptom.weight for symptom in symptoms])
        return symptoms[int(self.chance.choice(len(symptoms), p=weights / weights.sum()))]

    def words(self, gpu: int) -> dict[str, object]:
        """What fills a phrase about this GPU, or about a port or disk of the same number."""
        draw = self.chance.integers(0, 1 << 30, size=3).tolist()
        return {
            "pci": pci(max(gpu, 0)), "gpu": max(gpu, 0), "pid": 1_000 + draw[0] % 4_000_000,
            "process": PROCESSES[draw[1] % len(PROCESSES)], "number": draw[2], "channel": draw[0] % 8 + 1,
            "link": draw[1] % 18, "port": max(gpu, 0), "port_pci": port_pci(max(gpu, 0)), "disk": draw[1] % 4,
        }  # fmt: skip

    def say(self, node: int, at_ms: int, text: str, gpu: int = -1, count: int = 1, until_ms: int = 0) -> None:
        """A kernel line; until the end of all."""
        if at_ms < self.settings.end_ms:
            last = min(max(at_ms, until_ms), self.settings.end_ms - 1)
            self.world.lines.append(Line(node, at_ms, text, gpu, count, last))

    def show(self, node: int, gpu: int, at_ms: int, symptom: Symptom) -> int:
        """All lines of a symptom and their echoes; how many lines."""
        words = self.words(gpu)
        for after_s, text in symptom.says:
            self.say(node, at_ms + int(after_s * MS_PER_S), text.format(**words), gpu)
        for code in symptom.echoes:
            told_ms = at_ms + self.uniform_ms(1, NVML_POLL_MS / MS_PER_S)
            if told_ms < self.settings.end_ms:
                self.world.echoes.append(Echo(node, told_ms, gpu, code))
        return len(symptom.says)

    def turn(self, node: int, at_ms: int, state: str, reason: str = "") -> None:
        """The node's state from now on."""
        self.world.states.append(State(node, at_ms, state, reason))
        if (state == IN_SERVICE) != self.serving[node]:
            self.serving[node] = state == IN_SERVICE
            if self.serving[node]:
                self.free.append(node)

    def hold(self, node: int) -> None:
        """No new work for it, though nobody has said so yet."""
        self.serving[node] = False

    def begin(self, run: Run) -> None:
        """Its nodes are busy from now on."""
        self.world.runs.append(run)
        for node in run.nodes:
            self.job_of[node] = run

    def end(self, run: Run, at_ms: int, state: str, exit_code: int, wanted: bool | None = None) -> bool:
        """The run is over; False if it was already. Nodes in service rest a while before they are used again."""
        if run.ended_ms is not None:
            return False
        run.ended_ms, run.end_state, run.exit_code, run.wanted_end = at_ms, state, exit_code, wanted
        for node in run.nodes:
            self.job_of[node] = None
            self.at(at_ms + self.chance.exponential(REST_MS), partial(self._rested, node))
        return True

    def _rested(self, node: int, _at_ms: int) -> None:
        if self.serving[node]:
            self.free.append(node)
