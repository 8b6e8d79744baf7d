"""Every table, declared once. The wire, the DDL, the documentation and Grafana's units are derived from here.

A field is added at the end of its table, nullable, with `since` one greater than today's `SCHEMA_VERSION`; it is never
reordered, retyped or reused.
"""

from clusterctl.schema.facts import EVENT, INVENTORY, JOB, PRESENCE
from clusterctl.schema.judged import EXPOSURE, INCIDENT, POISSON_LIMIT
from clusterctl.schema.samples import GPU_SAMPLE, HOST_SAMPLE, NIC_SAMPLE, SATURATING
from clusterctl.schema.table import Lane, Table, by_name

SCHEMA_VERSION = 1

TABLES: tuple[Table, ...] = (
    GPU_SAMPLE,
    NIC_SAMPLE,
    HOST_SAMPLE,
    EVENT,
    INVENTORY,
    PRESENCE,
    JOB,
    INCIDENT,
    EXPOSURE,
    POISSON_LIMIT,
)

TABLE_BY_NAME = by_name(TABLES)

__all__ = [
    "EVENT",
    "EXPOSURE",
    "GPU_SAMPLE",
    "HOST_SAMPLE",
    "INCIDENT",
    "INVENTORY",
    "JOB",
    "NIC_SAMPLE",
    "POISSON_LIMIT",
    "PRESENCE",
    "SATURATING",
    "SCHEMA_VERSION",
    "TABLES",
    "TABLE_BY_NAME",
    "Lane",
    "Table",
]
