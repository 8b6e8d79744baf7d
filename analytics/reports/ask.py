"""What a report asks the store about one cluster, several questions at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from clusterctl.analytics.reports import groups, model, queries
from clusterctl.analytics.reports.communication import Taken, communication_of
from clusterctl.analytics.reports.coverage import Watched, watched_in
from clusterctl.analytics.reports.model_comm import Communication
from clusterctl.analytics.reports.model_faults import CauseCost
from clusterctl.analytics.reports.model_nodes import NodeLine, Slow
from clusterctl.analytics.reports.open_lines import in_window, still_open
from clusterctl.analytics.reports.slow import slow_of
from clusterctl.analytics.reports.times import Told, costs_of, told_of
from clusterctl.analytics.reports.units import Evidence, evidence_of
from clusterctl.store import Param, Reader

TOP = 20


@contextmanager
def asking(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose threads ask everything. After an error nothing more is asked; what is on its way is waited for, and
    its bounds end it. With one thread, a store that is not for several will do."""
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="report")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Answers:
    """On their way, each as what its function returns."""

    evidence: Future[tuple[Evidence, queries.StatedRow]]
    watched: Future[Watched]
    minutes: Future[queries.MinutesRow]
    causes: Future[list[queries.CauseRow]]
    left_out: Future[queries.LeftOutRow]
    hosts: Future[list[queries.HostRow]]
    ports: Future[list[queries.PortRow]]
    incidents: Future[list[model.IncidentLine]]
    open_incidents: Future[list[model.IncidentLine]]
    worst_nodes: Future[list[NodeLine]]
    slow: Future[list[Slow]]
    told: Future[Told]
    communication: Future[tuple[Communication, Taken]]
    costs: Future[list[CauseCost]]


def ask(
    pool: ThreadPoolExecutor,
    store: Reader,
    window: dict[str, Param],
    past: dict[str, Param],
    open_ended: dict[str, Param],
    now: datetime,
) -> Answers:
    """Ask about `window`. `past` is it up to now: nobody can have been in service, or watched anything, after that;
    `open_ended` is the window for communication."""
    evidence = pool.submit(_evidence, store, window, past)  # the longest first
    slow = pool.submit(slow_of, store, window)
    told = pool.submit(told_of, store, window)
    return Answers(
        evidence=evidence,
        watched=pool.submit(watched_in, store, {**window, "until": min(until_of(window), now)}),
        minutes=pool.submit(queries.MINUTES.one, store, **past),
        causes=pool.submit(queries.CAUSES.run, store, **window),
        left_out=pool.submit(queries.LEFT_OUT.one, store, **window),
        hosts=pool.submit(queries.HOSTS.run, store, **window, top=TOP),
        ports=pool.submit(queries.PORTS.run, store, **window, top=TOP),
        incidents=pool.submit(in_window, store, window, TOP),
        open_incidents=pool.submit(still_open, store, window, TOP),
        worst_nodes=pool.submit(groups.worst_nodes, store, window, TOP),
        slow=slow,
        told=told,
        communication=pool.submit(communication_of, store, open_ended, slow.result(), told.result()),
        costs=pool.submit(costs_of, store, window, told.result()),
    )


def until_of(window: dict[str, Param]) -> datetime:
    """The end of a window."""
    until = window["until"]
    assert isinstance(until, datetime), "a window has moments"
    return until


def _evidence(store: Reader, window: dict[str, Param], past: dict[str, Param]) -> tuple[Evidence, queries.StatedRow]:
    """With what imports state: where agents watch, what they saw counts, and that ends."""
    evidence = evidence_of(store, window, until_of(past))
    stated_until = evidence.seen.first_minute or past["until"]
    return evidence, queries.STATED.one(store, **{**past, "until": stated_until})
