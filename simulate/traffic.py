"""Messages of the samples lane as agents of a whole fleet send them: packs, each host's batches numbered without a gap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clusterctl.schema import Table
from clusterctl.simulate.names import Names
from clusterctl.simulate.noise import Array, Noise
from clusterctl.simulate.packing import Packing, Texts
from clusterctl.simulate.plan import IDLE, Hosts, Plan, hosts_of
from clusterctl.simulate.scene import scene_of
from clusterctl.simulate.tables import FAST, Told
from clusterctl.simulate.tables_slow import MEDIUM, NVLINKS, SLOW

NVLINK_MS = 600_000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, and what is counted of it."""

    host: str
    table: Table
    rows: int
    values: int
    """Readings and names that are there."""
    value: bytes
    again: int = 0
    """Rows whose key an earlier row has: the later one counts."""


class Squad:
    """Hosts of one slot that do the same: the next number of each one's batches, and their dictionaries."""

    def __init__(self, plan: Plan, hosts: Hosts) -> None:
        self.hosts = hosts
        self.next_seq = np.zeros(len(hosts), np.uint64)
        self.names = Names(plan, hosts)
        self._texts: dict[str, list[Texts]] = {}

    def texts(self, packing: Packing) -> list[Texts]:
        """By host, made when they are needed for the first time."""
        name = packing.form.table.name
        found = self._texts.get(name)
        if found is None:
            found = self._texts[name] = [packing.texts_of(self.names, place) for place in range(len(self.hosts))]
        return found


class Traffic:
    """All hosts of a plan's part."""

    def __init__(self, plan: Plan, now_ms: int) -> None:
        self.plan = plan
        self._noise = Noise(plan.seed * 1_000 + plan.part)
        self.slots = [[Squad(plan, hosts) for hosts in slot] for slot in hosts_of(plan, now_ms)]
        self._most = max((len(squad.hosts) for slot in self.slots for squad in slot), default=0)
        self._packings: dict[tuple[str, str], Packing] = {}
        for slot in self.slots:
            for squad in slot:
                self._prepare(squad)

    def packs(self, slot: int, due_ms: int) -> Iterator[Outgoing]:
        """What the hosts of a slot send at `due_ms`: their ticks since they sent last. Call it for every slot in turn, once a
        round; a blob is valid only until the next message of the same table is asked for."""
        for squad in self.slots[slot]:
            yield from self._of(squad, due_ms)

    def _of(self, squad: Squad, due_ms: int) -> Iterator[Outgoing]:
        plan, hosts = self.plan, squad.hosts
        last_ms = (due_ms - hosts.phase_ms) // plan.period_ms * plan.period_ms + hosts.phase_ms
        ts_ms = last_ms[:, None] + np.arange(1 - plan.ticks, 1)[None, :] * plan.period_ms
        medium = self._begins(ts_ms, hosts.tier_ms, plan.medium_ms)
        slow = self._begins(ts_ms, hosts.tier_ms, plan.slow_ms)
        batches = len(FAST) + len(MEDIUM) * medium + len(SLOW) * slow
        seq = squad.next_seq[:, None] + (np.cumsum(batches, axis=1) - batches).astype(np.uint64)
        everyone = np.arange(len(hosts))
        for place, told in enumerate(FAST):
            yield from self._told(squad, told, everyone, ts_ms, seq + np.uint64(place), due_ms, True)
        yield from self._rarely(squad, MEDIUM, medium, ts_ms, seq + np.uint64(len(FAST)), due_ms)
        after = seq + (len(FAST) + len(MEDIUM) * medium).astype(np.uint64)
        yield from self._rarely(squad, SLOW, slow, ts_ms, after, due_ms)
        ends = squad.next_seq + batches.sum(axis=1).astype(np.uint64)
        links = np.zeros_like(medium)
        links[:, -1] = self._begins(ts_ms, hosts.tier_ms, NVLINK_MS).any(axis=1) & (hosts.doing != IDLE)
        yield from self._rarely(squad, (NVLINKS,), links, ts_ms, np.repeat(ends[:, None], plan.ticks, axis=1), due_ms)
        squad.next_seq = ends + links.any(axis=1).astype(np.uint64)

    def _prepare(self, squad: Squad) -> None:
        """Make now what is made once, so that the first round costs no more than the others."""
        for told in (*FAST, *MEDIUM, *SLOW, NVLINKS):
            squad.texts(self._packing(told, squad.hosts.doing, told in FAST))

    def _begins(self, ts_ms: Array, shift_ms: Array, every_ms: int) -> Array:
        """Ticks at which a new interval of a slower cadence begins, [hosts, ticks]."""
        shifted = ts_ms + shift_ms[:, None]
        found: Array = shifted // every_ms != (shifted - self.plan.period_ms) // every_ms
        return found

    def _rarely(
        self, squad: Squad, told: Sequence[Told], due: Array, ts_ms: Array, seq: Array, due_ms: int
    ) -> Iterator[Outgoing]:
        """Tables for the hosts that have a tick of a slower cadence among these."""
        chosen = np.flatnonzero(due.any(axis=1))
        if not len(chosen):
            return
        tick = due[chosen].argmax(axis=1)
        for place, one in enumerate(told):
            numbers = seq[chosen, tick][:, None] + np.uint64(place)
            yield from self._told(squad, one, chosen, ts_ms[chosen, tick][:, None], numbers, due_ms, False)

    def _told(
        self, squad: Squad, told: Told, chosen: Array, ts_ms: Array, seq: Array, due_ms: int, fast: bool
    ) -> Iterator[Outgoing]:
        plan, hosts = self.plan, squad.hosts
        packing = self._packing(told, hosts.doing, fast)
        scene = scene_of(
            hosts.numbers[chosen],
            ts_ms,
            hosts.job_began_ms[chosen],
            hosts.booted_ms[chosen],
            plan.period_ms / 1_000.0,
            hosts.doing != IDLE,
            self._noise,
        )
        places = chosen.tolist()
        made = packing.messages(hosts, places, squad.texts(packing), scene, ts_ms, seq, due_ms)
        names, rows, values, table = hosts.names, packing.rows, packing.values, told.table
        return (Outgoing(names[place], table, rows, values, value) for place, value in zip(places, made, strict=True))

    def _packing(self, told: Told, doing: str, fast: bool) -> Packing:
        key = told.table.name, doing
        found = self._packings.get(key)
        if found is None:
            ticks = self.plan.ticks if fast else 1
            found = self._packings[key] = Packing(self.plan, told, doing, self._most, ticks, fast)
        return found
