"""/metrics for Prometheus: the latest readings and the agent's own health.

A reading that dcgm-exporter has with the same meaning goes under its name; all others under ours, made of table and column.
Names, help and labels come from the declaration of the tables.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from clusterctl.agent.metric_names import DCGM, SHOWN, Dcgm
from clusterctl.prometheus import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    PageServer,
    Source,
    UnknownMetricFamily,
)
from clusterctl.schema import GPU_SAMPLE, Table
from clusterctl.schema.field import Field, Kind

if TYPE_CHECKING:
    from clusterctl.agent.status import Status

DCGM_LABELS = ("gpu", "UUID", "pci_bus_id", "device", "Hostname")
GAUGES = frozenset({"spool_bytes"})


class MetricsServer(PageServer):
    """The agent's page: listens until closed; an empty address means not at all. Raises OSError when the address is taken."""

    def __init__(self, listen: str, status: Status) -> None:
        super().__init__(listen, "agent.metrics_listen", Readings(status))


class Readings(Source):
    """Collects when scraped; between scrapes it costs nothing."""

    def __init__(self, status: Status) -> None:
        self._status = status
        self._turn = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Every family that has a reading."""
        with self._turn:
            agent = self._status.agent
            for table in SHOWN:
                rows = agent.latest.rows(table)
                if rows:
                    yield from _families(table, rows, agent.config.site.host_name())
            yield from self._own()
            yield from self._checks()

    def _own(self) -> Iterator[Metric]:
        agent = self._status.agent
        for name, value in self._status.counters().items():
            family = GaugeMetricFamily if name in GAUGES else CounterMetricFamily
            yield family(f"clusterctl_agent_{name}", f"The agent's {name.replace('_', ' ')}.", value=value)
        reading = agent.gpu.last
        yield GaugeMetricFamily(
            "clusterctl_agent_gpus_expected", "GPUs that there should be.", value=agent.seen.gpus_expected
        )
        yield GaugeMetricFamily("clusterctl_agent_nvml_up", "1 if NVML answers.", value=int(not reading.missing))
        if not reading.missing:
            yield GaugeMetricFamily("clusterctl_agent_gpus_answering", "GPUs that answered.", value=reading.answering)
        blind = GaugeMetricFamily(
            "clusterctl_agent_blind", "1 for each thing that the agent cannot see.", labels=["reason"]
        )
        for reason in agent.seen.blind:
            blind.add_metric([reason], 1)
        yield blind
        xids = GaugeMetricFamily(
            "DCGM_FI_DEV_XID_ERRORS", "Last Xid of a GPU since the agent began.", labels=["UUID", "Hostname"]
        )
        for uuid, code in list(agent.sink.last_xid.items()):
            xids.add_metric([uuid, agent.config.site.host_name()], code)
        yield xids

    def _checks(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "clusterctl_check_state", "0 ok, 1 unknown, 2 warn, 3 fail.", labels=["check", "subject", "action"]
        )
        for event in self._status.agent.checks.states():
            family.add_metric([event.check, event.subject, event.action.name.lower()], int(event.state))
        yield family


def _families(table: Table, rows: Any, host: str) -> Iterator[Metric]:
    """A family for each column that has a reading in any row."""
    labels = [f.name for f in table.fields if not f.nullable and f.kind is Kind.TEXT]
    if table is GPU_SAMPLE:
        labels.append("gpu_index")
    for field in table.fields:
        if not field.nullable or field.kind is Kind.TIME or field.type.python is str:
            continue
        found = [(row, value) for row in rows if (value := getattr(row, field.name)) is not None]
        if not found:
            continue
        alias = DCGM.get((table.name, field.name))
        yield _dcgm(alias, field, found, host) if alias else _ours(table, field, labels, found)


def _ours(table: Table, field: Field, labels: list[str], found: list[tuple[msgspec.Struct, Any]]) -> Metric:
    name = f"clusterctl_{table.name.removesuffix('_sample')}_{field.name}"
    made = CounterMetricFamily if field.kind is Kind.COUNTER else GaugeMetricFamily
    family = made(name, field.doc, labels=labels)
    for row, value in found:
        family.add_metric([str(getattr(row, label)) for label in labels], value)
    return family


def _dcgm(alias: Dcgm, field: Field, found: list[tuple[msgspec.Struct, Any]], host: str) -> Metric:
    family = UnknownMetricFamily(alias.name, field.doc, labels=DCGM_LABELS)
    for row, value in found:
        index, uuid, pci = (str(getattr(row, name)) for name in ("gpu_index", "gpu_uuid", "pci"))
        where = [index, uuid, pci, f"nvidia{index}", host]
        family.add_metric(where, value * alias.scale)
    return family
