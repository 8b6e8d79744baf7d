"""Every table, declared once. The wire, the DDL, the documentation and Grafana's units are derived from here.

A field is added at the end of its table, nullable, with `since` one greater than today's `SCHEMA_VERSION`; it is never
reordered, retyped or reused.
"""

from clusterctl.schema.communication import COLLECTIVE, COMM_CALIBRATION
from clusterctl.schema.facts import EVENT, INVENTORY, JOB, JOB_MARK, PRESENCE
from clusterctl.schema.judged import EXPOSURE, INCIDENT, POISSON_LIMIT
from clusterctl.schema.operations import INCIDENT_ACTION, INCIDENT_JUDGED, INCIDENT_RUN, NODE_STATE, SLOW_FINDING, TOLD
from clusterctl.schema.rolled import BATCH_DAY, CLUSTER_DAY, GPU_HOUR, KPI_DAY, NIC_HOUR, ROLLUP_RUN
from clusterctl.schema.samples import GPU_SAMPLE, HOST_SAMPLE, NIC_SAMPLE, SATURATING
from clusterctl.schema.slow import (
    DISK_SAMPLE,
    FILESYSTEM_SAMPLE,
    GPU_HEALTH,
    GPU_LINK_SAMPLE,
    MIG_SAMPLE,
    NIC_HEALTH,
    NIC_LINK_SAMPLE,
    NVLINK_SAMPLE,
    SATURATING_SLOW,
)
from clusterctl.schema.table import Lane, Table, by_name

SCHEMA_VERSION = 4

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
    GPU_LINK_SAMPLE,
    GPU_HEALTH,
    NVLINK_SAMPLE,
    MIG_SAMPLE,
    NIC_LINK_SAMPLE,
    NIC_HEALTH,
    DISK_SAMPLE,
    FILESYSTEM_SAMPLE,
    JOB_MARK,
    GPU_HOUR,
    NIC_HOUR,
    KPI_DAY,
    CLUSTER_DAY,
    BATCH_DAY,
    ROLLUP_RUN,
    NODE_STATE,
    INCIDENT_ACTION,
    INCIDENT_JUDGED,
    INCIDENT_RUN,
    SLOW_FINDING,
    TOLD,
    COLLECTIVE,
    COMM_CALIBRATION,
)

TABLE_BY_NAME = by_name(TABLES)

__all__ = [
    "BATCH_DAY",
    "CLUSTER_DAY",
    "COLLECTIVE",
    "COMM_CALIBRATION",
    "DISK_SAMPLE",
    "EVENT",
    "EXPOSURE",
    "FILESYSTEM_SAMPLE",
    "GPU_HEALTH",
    "GPU_HOUR",
    "GPU_LINK_SAMPLE",
    "GPU_SAMPLE",
    "HOST_SAMPLE",
    "INCIDENT",
    "INCIDENT_ACTION",
    "INCIDENT_JUDGED",
    "INCIDENT_RUN",
    "INVENTORY",
    "JOB",
    "JOB_MARK",
    "KPI_DAY",
    "MIG_SAMPLE",
    "NIC_HEALTH",
    "NIC_HOUR",
    "NIC_LINK_SAMPLE",
    "NIC_SAMPLE",
    "NODE_STATE",
    "NVLINK_SAMPLE",
    "POISSON_LIMIT",
    "PRESENCE",
    "ROLLUP_RUN",
    "SATURATING",
    "SATURATING_SLOW",
    "SCHEMA_VERSION",
    "SLOW_FINDING",
    "TABLES",
    "TABLE_BY_NAME",
    "TOLD",
    "Lane",
    "Table",
]
