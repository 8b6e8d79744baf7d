"""Fleet health: the headline with its interval and exposure, causes, coverage, incidents, ports."""

from __future__ import annotations

from clusterctl.analytics.reports import queries
from clusterctl.dashboards.model import Column, Dashboard, Panel

FLEET = Dashboard(
    uid="clusterctl-fleet",
    title="Fleet health",
    panels=(
        Panel(
            "Faults per 1000 GPU-days",
            "Unplanned infrastructure incidents over in-service GPU-days, with the Garwood "
            "95 % interval. Unknown without exposure.",
            "stat",
            queries.FAULT_RATE,
            (
                Column("per_1000_gpu_days", "faults / 1000 GPU-days", decimals=3),
                Column("low_95", "low 95 %", decimals=3),
                Column("high_95", "high 95 %", decimals=3),
                Column("fault_count", "faults", decimals=0),
                Column("gpu_days", "GPU-days in service", decimals=0),
            ),
            0,
            0,
            14,
            6,
        ),
        Panel(
            "Coverage",
            "What was watched. A node that fell silent still counts as expected.",
            "stat",
            queries.COVERAGE,
            (
                Column("gpus_seen", "GPUs seen"),
                Column("gpus_expected", "GPUs expected"),
                Column("nodes", "nodes"),
                Column("node_minutes", "node-minutes watched"),
                Column("node_minutes_expected", "expected"),
            ),
            14,
            0,
            10,
            6,
        ),
        Panel(
            "Incidents by cause",
            "Published counts and incidents from events alike.",
            "table",
            queries.CAUSES,
            (
                Column("cause", "cause"),
                Column("cls", "class"),
                Column("domain", "counted as"),
                Column("incidents", "count", decimals=0),
            ),
            0,
            6,
            12,
            10,
        ),
        Panel(
            "Latest incidents",
            "Newest first; an open one has no end.",
            "table",
            queries.INCIDENTS,
            (
                Column("opened_at", "opened", "dateTimeAsIso"),
                Column("closed_at", "closed", "dateTimeAsIso"),
                Column("cls", "class"),
                Column("cause", "cause"),
                Column("node", "node"),
                Column("gpu", "device"),
                Column("signals", "signals", decimals=0),
            ),
            12,
            6,
            12,
            10,
        ),
        Panel(
            "Nodes",
            "Last tick of each node, and what the agent costs it.",
            "table",
            queries.HOSTS,
            (
                Column("host", "host"),
                Column("last_tick", "last tick", "dateTimeAsIso"),
                Column("cpu_busy", "CPU busy", "percentunit", 1),
                Column("memory_available", "memory free", "bytes"),
                Column("root_used", "root used", "percentunit", 1),
                Column("temp_max", "hottest", "celsius"),
                Column("agent_cpu_ratio", "agent CPU", "percentunit", 2),
                Column("spool_lost", "batches lost"),
            ),
            0,
            16,
            12,
            9,
        ),
        Panel(
            "Ports",
            "Most errors first. A saturated counter has no growth to tell.",
            "table",
            queries.PORTS,
            (
                Column("host", "host"),
                Column("port", "port"),
                Column("link_layer", "layer"),
                Column("link_up_now", "up"),
                Column("rate_mbps_now", "rate", "Mbits"),
                Column("rx_bytes_grown", "received", "bytes"),
                Column("tx_bytes_grown", "sent", "bytes"),
                Column("errors_grown", "errors"),
                Column("carrier_changes_grown", "flaps"),
            ),
            12,
            16,
            12,
            9,
        ),
    ),
)

DASHBOARDS = (FLEET,)
