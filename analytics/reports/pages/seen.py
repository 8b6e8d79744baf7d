"""What was seen: coverage, nodes and ports."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import bytes_text, count_text, moment_text, share_text
from clusterctl.analytics.reports.page import (
    ESSENTIAL,
    Badge,
    Block,
    Cell,
    Column,
    Facts,
    Grid,
    Note,
    Section,
    Tone,
    name_cell,
)
from clusterctl.analytics.reports.words import Words

TOP = 20


def coverage(cluster: model.ClusterReport, w: Words) -> Section:
    """What the monitor did and did not see."""
    told = cluster.coverage
    rows = [(w("source"), w.told(told.source)), (w("in short"), w.told(told.summary))]
    if told.nodes:
        rows += [
            (w("node-minutes"), _of(w, told.node_minutes, told.node_minutes_expected)),
            (w("ticks"), _of(w, told.ticks_done, told.ticks_expected)),
            (w("GPU-minutes of known state"), share_text(w, told.gpu_minutes_share)),
            (w("kernel log read"), share_text(w, told.log_share)),
            (w("GPUs seen"), _of(w, told.gpus_seen, told.gpus_expected)),
        ]
    lost = (
        (w("batches lost"), told.batches_lost),
        (w("kernel-log records lost"), told.log_records_lost),
        (w("messages lost on the bus, of any cluster"), told.messages_lost),
    )
    rows += [(name, count_text(w, count)) for name, count in lost if count or told.nodes]
    blocks: list[Block] = [Facts(rows)]
    if told.blind:
        blind = w(", ").join(w.told(reason.replace("_", " ").replace(":", ": ")) for reason in told.blind[:TOP])
        blocks.append(Note(w("Blind to: {what}.", what=blind), Tone.WARN))
    return Section("coverage", w("Coverage"), blocks)


def _of(w: Words, done: int | None, expected: int | None) -> str:
    if done is None or not expected:
        return count_text(w, done)
    return w(
        "{done} of {expected} ({share})",
        done=count_text(w, done),
        expected=count_text(w, expected),
        share=share_text(w, done / expected),
    )


def machines(cluster: model.ClusterReport, w: Words) -> Section:
    """Nodes and ports as they were last seen."""
    blocks: list[Block] = []
    if cluster.hosts:
        blocks.append(_hosts(cluster.hosts, w))
    if cluster.ports:
        blocks.append(_ports(cluster.ports, w))
    if not blocks:
        blocks.append(Note(w("No agent sent samples of nodes or ports: start one with “clusterctl agent run”.")))
    return Section("machines", w("Nodes and ports at the last tick"), blocks)


def _hosts(hosts: list[model.Host], w: Words) -> Grid:
    columns = [
        Column(w("host"), keep=ESSENTIAL, cut=True),
        Column(w("last tick (UTC)"), keep=4),
        Column(w("ticks"), right=True, keep=5),
        Column(w("CPU busy"), right=True, keep=8),
        Column(w("memory free"), right=True, keep=7),
        Column(w("root used"), right=True, keep=6),
        Column(w("agent CPU"), right=True, keep=3),
        Column(w("agent memory"), right=True, keep=3),
    ]
    rows: list[list[Cell]] = [
        [
            name_cell(host.host, 40),
            moment_text(host.last_tick),
            count_text(w, host.ticks),
            share_text(w, host.cpu_busy_ratio),
            bytes_text(w, host.memory_available_bytes),
            share_text(w, host.root_used_ratio),
            share_text(w, host.agent_cpu_ratio),
            bytes_text(w, host.agent_rss_bytes),
        ]
        for host in hosts[:TOP]
    ]
    return Grid(columns, rows)


def _ports(ports: list[model.Port], w: Words) -> Grid:
    columns = [
        Column(w("host"), keep=ESSENTIAL, cut=True),
        Column(w("port"), keep=ESSENTIAL, cut=True),
        Column(w("layer"), keep=3, cut=True),
        Column(w("link"), keep=8),
        Column(w("speed"), right=True, keep=6),
        Column(w("received"), right=True, keep=5),
        Column(w("sent"), right=True, keep=5),
        Column(w("errors"), right=True, keep=7),
        Column(w("flaps"), right=True, keep=7),
    ]
    rows: list[list[Cell]] = [
        [
            name_cell(port.host, 40),
            name_cell(port.port, 30),
            name_cell(port.link_layer, 12),
            _link(w, port.link_up),
            w("unknown") if port.rate_mbps is None else f"{port.rate_mbps / 1000:g} Gb/s",
            bytes_text(w, port.rx_bytes),
            bytes_text(w, port.tx_bytes),
            count_text(w, port.errors),
            count_text(w, port.carrier_changes),
        ]
        for port in ports[:TOP]
    ]
    return Grid(columns, rows)


def _link(w: Words, link_up: int | None) -> Cell:
    if link_up is None:
        return w("unknown")
    return Badge(w("up"), Tone.GOOD) if link_up else Badge(w("down"), Tone.BAD)
