"""Remembers what the probes saw, runs the checks on it, and tells what changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter

from clusterctl.agent.checks.events import CheckEvent
from clusterctl.agent.checks.history import History
from clusterctl.agent.checks.readings import S_PER_HOUR
from clusterctl.agent.checks.registry import CHECKS, FACTS, PORTS, SUBJECTS, Around, Check, NodeFacts, PortsSeen, Row
from clusterctl.agent.checks.standing import BAD, Standing
from clusterctl.clock import MS_PER_S, Clock
from clusterctl.config import ChecksConfig
from clusterctl.errors import ConfigError
from clusterctl.schema import (
    FILESYSTEM_SAMPLE,
    GPU_HEALTH,
    GPU_SAMPLE,
    HOST_SAMPLE,
    NIC_HEALTH,
    NIC_LINK_SAMPLE,
    NIC_SAMPLE,
    NVLINK_SAMPLE,
)
from clusterctl.schema.verdict import Verdict

MOST_SUBJECTS = 1_024
"""Of one table. More mounts or ports than this are not judged, and counted."""
FORGET_S = 3_600.0
"""A subject without a row for this long is no longer judged."""
ON_CHANGE_STALE_S = 1_500.0
"""nvlink_sample is written on change and every ten minutes."""
ON_PCI = (NIC_SAMPLE.name, NIC_LINK_SAMPLE.name, NIC_HEALTH.name)
NOTHING_ASKED = Around()


Key = tuple[str, str]
"""Check and subject."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A check on a subject, and where it stands."""

    check: Check
    subject: str
    gpu_uuid: str
    pci: str
    standing: Standing

    def event(self, ts: int, verdict: Verdict) -> CheckEvent:
        per = self.check.per
        state, detail, action = verdict.state, verdict.detail, verdict.action
        return CheckEvent(ts, self.check.name, per, self.subject, state, detail, action, self.gpu_uuid, self.pci)


class CheckRunner:
    """`note` rows as they come, from any thread, and `run` now and then.

    Memory is bounded by MOST_SUBJECTS histories a table, each of at most 113 rows (agent/checks/history.py)."""

    def __init__(self, config: ChecksConfig, clock: Clock) -> None:
        """Raises ConfigError for a name in `disabled` that is no check."""
        off = disabled_checks(config)
        self._limits = config
        self._clock = clock
        self._checks: dict[str, list[Check]] = {}
        for item in CHECKS.values():
            if item.name not in off:
                self._checks.setdefault(item.table, []).append(item)
        self._name_of: dict[str, Callable[[Row], str]] = {table: _namer(table) for table in SUBJECTS}
        self._histories: dict[str, dict[str, History]] = {table: {} for table in SUBJECTS}
        self._standings: dict[Key, _Known] = {}
        self._judged_ms = 0
        self._turn = threading.Lock()
        self.ignored = 0
        """Rows of subjects beyond MOST_SUBJECTS."""

    def note(self, table: str, rows: Iterable[Row]) -> None:
        """Remember the rows of one tick; a table that no check needs costs nothing. Ports without a PCI device are not
        hardware, and a mount that is not among the rows is gone."""
        if table in self._histories:
            with self._turn:
                self._note(table, rows)

    def _note(self, table: str, rows: Iterable[Row]) -> None:
        histories = self._histories[table]
        if table == FILESYSTEM_SAMPLE.name:
            rows = list(rows)
            for name in histories.keys() - {row.mount for row in rows}:
                del histories[name]
        if table in ON_PCI:
            rows = [row for row in rows if row.pci]
            if table == NIC_SAMPLE.name and rows:
                self._note(PORTS, [PortsSeen(rows[-1].ts, frozenset(row.port for row in rows))])
        name_of = self._name_of[table]
        for row in rows:
            history = histories.get(name_of(row)) or self._begun(table, row)
            if history is not None:
                history.add(row)

    def _begun(self, table: str, row: Row) -> History | None:
        histories = self._histories[table]
        if len(histories) >= MOST_SUBJECTS:
            self.ignored += 1
            return None
        history = History(table, getattr(row, "gpu_uuid", ""), getattr(row, "pci", ""))
        histories[self._name_of[table](row)] = history
        return history

    def facts(self, facts: NodeFacts) -> None:
        """What is known of the node's GPUs without asking one."""
        self.note(FACTS, [facts])

    def run(self, now_ms: int) -> list[CheckEvent]:
        """Judge everything, and say what changed since the last run; what still fails is said again every so often."""
        with self._turn:
            return self._run(now_ms)

    def _run(self, now_ms: int) -> list[CheckEvent]:
        now_s = self._clock.monotonic_s()
        restate_s = self._limits.restate_h * S_PER_HOUR
        self._forget(now_ms)
        news: list[CheckEvent] = []
        judged: set[Key] = set()
        for item, name, history, verdict in self._verdicts(now_ms):
            key = (item.name, name)
            judged.add(key)
            known = self._standings.get(key)
            if known is None:
                known = self._standings[key] = _Known(item, name, history.gpu_uuid, history.pci, Standing(verdict))
            else:
                known.standing.take(verdict)
            if known.standing.is_news(now_s, restate_s):
                known.standing.tell(now_s)
                news.append(known.event(now_ms, known.standing.verdict))
        self._judged_ms = now_ms
        return news + self._gone(now_ms, judged)

    def states(self) -> list[CheckEvent]:
        """Every verdict that stands, as of the last run."""
        with self._turn:
            return [known.event(self._judged_ms, known.standing.verdict) for known in self._standings.values()]

    def _gone(self, now_ms: int, judged: set[Key]) -> list[CheckEvent]:
        """Of a subject that is no longer there nothing is known; that is said if something bad was told of it."""
        news = []
        for key in self._standings.keys() - judged:
            known = self._standings.pop(key)
            told = known.standing.told
            if told is not None and told.state in BAD:
                news.append(known.event(now_ms, Verdict.unknown(f"the {known.check.per} is no longer there")))
        return news

    def _verdicts(self, now_ms: int) -> Iterator[tuple[Check, str, History, Verdict]]:
        for table, checks in self._checks.items():
            stale_ms = self._stale_ms(table)
            histories = self._histories[table]
            fresh = {
                name: history.rows() for name, history in histories.items() if abs(now_ms - history.last_ms) <= stale_ms
            }
            asked = frozenset(name for item in checks for name in item.asks)
            for name, history in histories.items():
                rows = fresh.get(name)
                if rows is None:
                    stale = Verdict.unknown(f"no row for {abs(now_ms - history.last_ms) / MS_PER_S:.0f} s")
                    yield from ((item, name, history, stale) for item in checks)
                    continue
                around = self._around(name, fresh, asked, now_ms) if asked else NOTHING_ASKED
                for item in checks:
                    yield item, name, history, item(rows, self._limits, around)

    def _around(self, name: str, fresh: Mapping[str, list[Row]], asked: frozenset[str], now_ms: int) -> Around:
        """What the checks of a table ask to see, and no more than that."""
        samples = self._histories[GPU_SAMPLE.name].get(name) if "samples" in asked else None
        counters = self._fresh(NIC_LINK_SAMPLE.name, name, now_ms) if "counters" in asked else None
        return Around(
            neighbours={other: rows for other, rows in fresh.items() if other != name} if "neighbours" in asked else {},
            samples=samples.rows() if samples else (),
            counters=counters.rows() if counters else (),
            health=self._latest(GPU_HEALTH.name, name, now_ms) if "health" in asked else None,
            host=self._latest(HOST_SAMPLE.name, "", now_ms) if "host" in asked else None,
        )

    def _latest(self, table: str, name: str, now_ms: int) -> Row | None:
        history = self._fresh(table, name, now_ms)
        return history.last if history else None

    def _fresh(self, table: str, name: str, now_ms: int) -> History | None:
        history = self._histories[table].get(name)
        return history if history and abs(now_ms - history.last_ms) <= self._stale_ms(table) else None

    def _stale_ms(self, table: str) -> float:
        on_change = ON_CHANGE_STALE_S if table == NVLINK_SAMPLE.name else 0.0
        return max(on_change, self._limits.stale_s) * MS_PER_S

    def _forget(self, now_ms: int) -> None:
        for table, histories in self._histories.items():
            kept_ms = max(FORGET_S * MS_PER_S, self._stale_ms(table))
            for name in [name for name, history in histories.items() if abs(now_ms - history.last_ms) > kept_ms]:
                del histories[name]


def disabled_checks(config: ChecksConfig) -> frozenset[str]:
    """The checks that the configuration turns off; a name that is none is a ConfigError."""
    names = frozenset(name for part in config.disabled.split(",") if (name := part.strip()))
    if unknown := sorted(names - CHECKS.keys()):
        raise ConfigError(
            f"checks.disabled: no check is called {unknown[0]!r}", hint=f"there are {', '.join(sorted(CHECKS))}"
        )
    return names


def _namer(table: str) -> Callable[[Row], str]:
    columns = SUBJECTS[table][1]
    if not columns:
        return lambda row: ""
    if len(columns) == 1:
        return attrgetter(columns[0])
    return lambda row: "/".join(str(getattr(row, column)) for column in columns)
