"""The events lane of a fleet: an inventory and a job at the start, a presence row each minute, and now and then a fault.

At the top of a minute all hosts speak within one period, as agents do. Each message is a batch of one host.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from clusterctl import wire
from clusterctl.clock import MS_PER_DAY, MS_PER_MINUTE
from clusterctl.schema import EVENT, INVENTORY, JOB, PRESENCE, Table
from clusterctl.simulate.names import Names
from clusterctl.simulate.plan import IDLE, LOST, Hosts, Plan
from clusterctl.simulate.traffic import Outgoing, Squad

EVENTS_PER_HOST_DAY = 4.0
DRIVER = "580.65.06"


@dataclass(frozen=True, slots=True)
class Fault:
    """An event that happens; `text` takes the PCI address."""

    kind: str
    code: str
    severity: str
    source: str
    text: str


FAULTS = (
    Fault(
        "xid",
        "13",
        "warn",
        "kmsg",
        "NVRM: Xid (PCI:{pci}): 13, pid=40122, name=python, Graphics Exception: ESR 0x505648",
    ),
    Fault("xid", "31", "warn", "kmsg", "NVRM: Xid (PCI:{pci}): 31, pid=40122, name=python, Ch 00000010, MMU Fault"),
    Fault("xid", "43", "warn", "kmsg", "NVRM: Xid (PCI:{pci}): 43, pid=40122, name=python, Ch 00000010"),
    Fault(
        "xid", "94", "fail", "kmsg", "NVRM: Xid (PCI:{pci}): 94, pid=40122, name=python, Contained: SM (0x1). RST: No"
    ),
    Fault(
        "aer",
        "corrected",
        "warn",
        "kmsg",
        "nvidia {pci}: AER: PCIe Bus Error: severity=Corrected, type=Data Link Layer",
    ),
    Fault("agent", "tier_moved", "info", "agent", ""),
)


class Events:
    """All hosts of a plan's part, in the order in which they send their samples."""

    def __init__(self, plan: Plan, slots: Sequence[Sequence[Squad]], began_ms: int) -> None:
        self._plan = plan
        self._began_ms = self._told_ms = began_ms
        self._groups = [(squad.hosts, squad.names) for slot in slots for squad in slot]
        self._slot_of = np.array(
            [number for number, slot in enumerate(slots) for squad in slot for _ in squad.hosts.names]
        )
        self._places = [(group, place) for group, (hosts, _) in enumerate(self._groups) for place in range(len(hosts))]
        phases = [hosts.phase_ms for hosts, _ in self._groups]
        self._phase_ms = np.concatenate(phases) if phases else np.zeros(0, np.int64)
        self._started = np.zeros(len(self._places), bool)
        self._next_seq = [0] * len(self._places)
        self._happened = 0
        self._chance = np.random.default_rng([plan.seed, plan.part, 2])

    def messages(self, slot: int, due_ms: int) -> Iterator[Outgoing]:
        """What all hosts have to say since this was asked last; those of `slot` start now if they have not yet."""
        since_ms, self._told_ms = self._told_ms, due_ms
        minute = (due_ms - self._phase_ms) // MS_PER_MINUTE
        turned = (minute != (since_ms - self._phase_ms) // MS_PER_MINUTE) & self._started
        for number in np.flatnonzero(turned).tolist():
            now_ms = int(minute[number]) * MS_PER_MINUTE
            final = self._presence(number, now_ms - MS_PER_MINUTE, now_ms)
            yield self._told(number, PRESENCE, [final, self._presence(number, now_ms, now_ms + 1)], due_ms, again=1)
        yield from self._starts(slot, due_ms)
        days = (due_ms - since_ms) / MS_PER_DAY
        for _ in range(int(self._chance.poisson(len(self._places) * EVENTS_PER_HOST_DAY * days))):
            yield self._happens(int(self._chance.integers(len(self._places))), due_ms)

    def _starts(self, slot: int, due_ms: int) -> Iterator[Outgoing]:
        for number in np.flatnonzero((self._slot_of == slot) & ~self._started).tolist():
            hosts, names, place = self._host(number)
            yield self._told(number, INVENTORY, _inventory(hosts, names, place, self._plan, due_ms), due_ms)
            if hosts.doing != IDLE:
                yield self._told(number, JOB, [_job(hosts, place, names, self._plan)], due_ms)
            minute = (due_ms - int(hosts.phase_ms[place])) // MS_PER_MINUTE * MS_PER_MINUTE
            yield self._told(number, PRESENCE, [self._presence(number, minute, due_ms)], due_ms)
            self._started[number] = True

    def _host(self, number: int) -> tuple[Hosts, Names, int]:
        group, place = self._places[number]
        return *self._groups[group], place

    def _told(self, number: int, table: Table, rows: Sequence[msgspec.Struct], due_ms: int, again: int = 0) -> Outgoing:
        hosts, _, place = self._host(number)
        value = wire.encode(
            table,
            rows,
            cluster=self._plan.cluster,
            host=hosts.names[place],
            boot_id=hosts.boot_ids[place],
            seq=self._next_seq[number],
            sent_ms=due_ms,
        )
        self._next_seq[number] += 1
        values = sum(each is not None for row in rows for each in msgspec.structs.astuple(row))
        return Outgoing(hosts.names[place], table, len(rows), values, value, again)

    def _presence(self, number: int, minute_ms: int, until_ms: int) -> msgspec.Struct:
        """A minute up to `until_ms`; the one that a host starts in begins with it."""
        hosts, _, _ = self._host(number)
        begin_ms, end_ms = max(minute_ms, self._began_ms), min(until_ms, minute_ms + MS_PER_MINUTE)
        ticks = max(1, -((begin_ms - end_ms) // self._plan.period_ms))
        gpus = self._plan.gpus_per_node
        seen = gpus - (hosts.doing == LOST)
        return PRESENCE.row(
            ts=minute_ms,
            gpus_expected=gpus,
            ticks_expected=ticks,
            ticks_done=ticks,
            log_records_lost=0,
            node_state="in_service",
            blind="",
            gpus_seen=seen,
            gpus_in_service=seen,
            gpus_allocated=0 if hosts.doing == IDLE else gpus,
        )

    def _happens(self, number: int, due_ms: int) -> Outgoing:
        _, names, place = self._host(number)
        fault = FAULTS[int(self._chance.integers(len(FAULTS)))]
        gpu = int(self._chance.integers(self._plan.gpus_per_node))
        pci = str(names.of("gpu_pci", place)[gpu])
        self._happened += 1
        row = EVENT.row(
            ts=due_ms,
            last_ts=due_ms,
            count=1,
            kind=fault.kind,
            code=fault.code,
            severity=fault.severity,
            source=fault.source,
            source_seq=self._began_ms * 1_000 + self._happened,
            pci=pci,
            gpu_uuid=str(names.of("gpu_uuid", place)[gpu]),
            process="",
            driver_version=DRIVER,
            ts_source="wall",
            text=fault.text.format(pci=pci.removesuffix(".0")),
            fields="{}",
        )
        return self._told(number, EVENT, [row], due_ms)


def _job(hosts: Hosts, place: int, names: Names, plan: Plan) -> msgspec.Struct:
    return JOB.row(
        ts=int(hosts.job_began_ms[place]),
        job_id=str(names.of("job_id", place)[0]),
        owner=f"team-{int(hosts.jobs[place]) % 7}",
        scheduler="slurm",
        gpus=plan.gpus_per_node,
        end_state="",
    )


def _inventory(hosts: Hosts, names: Names, place: int, plan: Plan, now_ms: int) -> list[msgspec.Struct]:
    """A row for the node, each GPU and each port."""
    host = hosts.names[place]
    found = [
        ("node", host, "DGX H100", f"S{int(hosts.numbers[place]):08}", "", "1.5.3", DRIVER, '{"kernel": "6.8.0-79"}')
    ]
    for gpu, (uuid, pci) in enumerate(zip(names.of("gpu_uuid", place), names.of("gpu_pci", place), strict=True)):
        facts = json.dumps({"minor_number": gpu})
        found.append(
            ("gpu", str(uuid), "NVIDIA H100 80GB HBM3", f"{host}/{gpu}", str(pci), "96.00.A5.00.01", DRIVER, facts)
        )
    for port, pci in zip(names.of("port", place), names.of("port_pci", place), strict=True):
        found.append(("port", str(port), "MT4129", "", str(pci), "28.43.2026", "", '{"link_layer": "infiniband"}'))
    columns = ("subject_kind", "subject", "model", "serial", "pci", "firmware", "driver_version", "fields")
    rack = f"rack-{int(hosts.numbers[place]) // 4:05}"
    return [INVENTORY.row(ts=now_ms, rack=rack, **dict(zip(columns, each, strict=True))) for each in found]
