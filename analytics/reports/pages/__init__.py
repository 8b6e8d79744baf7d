"""The sections of the page of a report, in the order in which people read them."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import window_text
from clusterctl.analytics.reports.page import ClusterPage, Page, name_cell
from clusterctl.analytics.reports.pages.causes import causes
from clusterctl.analytics.reports.pages.closing import closing, colophon
from clusterctl.analytics.reports.pages.communication import communication
from clusterctl.analytics.reports.pages.compared import compared
from clusterctl.analytics.reports.pages.firmness import firmness
from clusterctl.analytics.reports.pages.goodput import goodput
from clusterctl.analytics.reports.pages.groups import cohorts, repairs, splits
from clusterctl.analytics.reports.pages.headline import headline
from clusterctl.analytics.reports.pages.incidents import open_incidents, recent
from clusterctl.analytics.reports.pages.nodes import nodes
from clusterctl.analytics.reports.pages.seen import coverage, machines
from clusterctl.analytics.reports.pages.slow import slow
from clusterctl.analytics.reports.pages.times import times
from clusterctl.analytics.reports.pages.trend import trend
from clusterctl.analytics.reports.words import Words

SECTIONS = (
    headline,
    trend,
    compared,
    causes,
    nodes,
    open_incidents,
    slow,
    times,
    goodput,
    splits,
    cohorts,
    repairs,
    communication,
    firmness,
    coverage,
    recent,
    machines,
)


def page_of(report: model.Report, w: Words) -> Page:
    """The report in the words of `w`."""
    clusters = [
        ClusterPage(
            name_cell(cluster.name, 80),
            window_text(w, cluster.window),
            [section(cluster, w) for section in SECTIONS],
        )
        for cluster in report.clusters
    ]
    return Page(w.lang, w("Fleet report"), clusters, closing(report, w), colophon(report, w))
