"""Incidents: what is open and what to do about it, and what was."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import count_text, moment_text
from clusterctl.analytics.reports.page import ESSENTIAL, Badge, Cell, Column, Grid, Note, Section, Tone, name_cell
from clusterctl.analytics.reports.words import Words

TOP = 15
TONES = {"open": Tone.BAD, "reopened": Tone.BAD, "acknowledged": Tone.WARN, "in repair": Tone.WARN, "closed": Tone.GOOD}


def open_incidents(cluster: model.ClusterReport, w: Words) -> Section:
    """Everything that is not closed, the oldest unacknowledged first, with the recommended action."""
    title = w("Open incidents")
    listed = cluster.open_incidents
    if not listed:
        return Section("open", title, [Note(w("No incident is open."), Tone.GOOD)])
    columns = [
        Column(w("node"), keep=ESSENTIAL, cut=True),
        Column(w("open since (UTC)"), keep=7),
        Column(w("state"), keep=6),
        Column(w("cause"), keep=8, cut=True),
        Column(w("do now"), keep=ESSENTIAL, wrap=True),
        Column(w("GPU or element"), keep=4, cut=True),
        Column(w("jobs ended"), right=True, keep=3),
        Column(w("tried before"), keep=2, wrap=True),
    ]
    rows: list[list[Cell]] = [
        [
            name_cell(incident.node, 40),
            moment_text(incident.opened_at),
            _state(incident, w),
            name_cell(incident.cause),
            w.told(incident.action) if incident.action else w("look at it"),
            name_cell(incident.element or incident.gpu, 44),
            count_text(w, incident.jobs_ended),
            w.told(incident.tried_before),
        ]
        for incident in listed[:TOP]
    ]
    return Section("open", title, [Grid(columns, rows), *_more(len(listed), w)])


def _state(incident: model.IncidentLine, w: Words) -> Badge:
    return Badge(w.told(incident.state), TONES.get(incident.state, Tone.PLAIN))


def _more(count: int, w: Words) -> list[Note]:
    more = count - TOP
    return [Note(w("{count} more: clusterctl incidents.", count=count_text(w, more)))] if more > 0 else []


def recent(cluster: model.ClusterReport, w: Words) -> Section:
    """The newest of the window."""
    title = w("Newest incidents")
    listed = cluster.incidents
    if not listed:
        return Section("recent", title, [Note(w("No dated incident in this window."))])
    columns = [
        Column(w("opened (UTC)"), keep=ESSENTIAL),
        Column(w("closed"), keep=6),
        Column(w("node"), keep=8, cut=True),
        Column(w("class"), keep=4),
        Column(w("cause"), keep=ESSENTIAL, cut=True),
        Column(w("GPU or element"), keep=3, cut=True),
        Column(w("nodes"), right=True, keep=3),
        Column(w("signals"), right=True, keep=2),
    ]
    rows: list[list[Cell]] = [
        [
            moment_text(incident.opened_at),
            moment_text(incident.closed_at) if incident.closed_at else Badge(w("open"), Tone.WARN),
            name_cell(incident.node),
            w.told(incident.cls),
            name_cell(incident.cause),
            name_cell(incident.element or incident.gpu, 44),
            count_text(w, incident.nodes_affected),
            count_text(w, incident.signals),
        ]
        for incident in listed[:TOP]
    ]
    return Section("recent", title, [Grid(columns, rows), *_more(len(listed), w)])
