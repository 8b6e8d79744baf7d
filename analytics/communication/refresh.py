"""Communication of every job, hour by hour, from stored telemetry into `collective`. Running it again changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clusterctl.analytics.communication.calibration import Calibration, Signature
from clusterctl.analytics.communication.estimate import Job, estimate
from clusterctl.analytics.communication.estimated import row_of
from clusterctl.analytics.communication.hours import HOUR_MS, Piece, pieces
from clusterctl.analytics.communication.job import of_job
from clusterctl.analytics.communication.load import load
from clusterctl.analytics.communication.questions import CALIBRATIONS, CAPTURES, ESTIMATED, CaptureRow
from clusterctl.analytics.communication.signatures import Signatures, is_fine, learned
from clusterctl.analytics.slow.questions import CLUSTERS, JOBS, PASSED, JobRow
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import MS_PER_MINUTE, MS_PER_S, utc
from clusterctl.config import AnalyticsConfig
from clusterctl.errors import InputError
from clusterctl.schema import COLLECTIVE, COMM_CALIBRATION, ROLLUP_RUN
from clusterctl.store import Param, Store

NAME, PASS = "collective", "pass"
SETTLE_MS = 2 * MS_PER_MINUTE
"""An hour is estimated when it has been over for so long: what agents hold back to send together is in."""
MAX_REASONS = 20


@dataclass(slots=True)
class Outcome:
    """What a pass over one cluster did."""

    cluster: str
    estimated: int = 0
    calibrated: int = 0
    not_calibrated: Counter[str] = field(default_factory=Counter)
    """Profiles that gave no signature, by reason."""


def refresh(store: Store, config: AnalyticsConfig, now_ms: int, stop: Callable[[], bool] = lambda: False) -> int:
    """Look again if the last pass is older than `comm_period_s`; how many windows were estimated."""
    passed = {row.rollup: row for row in PASSED.run(store)}
    mark = passed.get(NAME)
    if mark is not None and 0 <= now_ms - mark.at_ms < config.comm_period_s * MS_PER_S:
        return 0
    until_ms = now_ms - SETTLE_MS
    since_ms = max(0, until_ms - round(config.comm_lookback_h * 60) * MS_PER_MINUTE)
    done = [look(store, row.cluster, config, since_ms, until_ms, stop) for row in CLUSTERS.run(store)]
    note = {"rollup": NAME, "scope": PASS, "period": 0, "until": until_ms, "settled_at": since_ms, "hosts": 0}
    insert_rows(store, ROLLUP_RUN, [{**note, "took_ms": 0, "version": now_ms}])
    return sum(outcome.estimated for outcome in done)


def look(
    store: Store,
    cluster: str,
    config: AnalyticsConfig,
    since_ms: int,
    until_ms: int,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Learn from new profiles, then estimate every job-hour of this time that has no estimate."""
    outcome = Outcome(cluster)
    since_ms = since_ms // HOUR_MS * HOUR_MS  # whole hours, so that a window is the same in every pass
    window: dict[str, Param] = {"cluster": cluster, "since": utc(since_ms), "until": utc(until_ms)}
    rows = JOBS.run(store, **window)
    captures = CAPTURES.run(store, **window)
    _learn(store, config, rows, captures, outcome, until_ms)
    known = Signatures(CALIBRATIONS.run(store, cluster=cluster, until=utc(until_ms)), captures)
    done = {row.job_id: set(row.starts_ms) for row in ESTIMATED.run(store, **window)}
    wanted = pieces(rows, since_ms, until_ms, config.comm_window_min, config.comm_gpus_count, done)
    for piece in wanted:
        if stop():
            break
        _estimate(store, cluster, piece, known)
        outcome.estimated += 1
    return outcome


def _learn(
    store: Store,
    config: AnalyticsConfig,
    rows: Sequence[JobRow],
    captures: Sequence[CaptureRow],
    outcome: Outcome,
    until_ms: int,
) -> None:
    cluster = outcome.cluster
    there = {(row.job_id, row.at) for row in CALIBRATIONS.run(store, cluster=cluster, until=utc(until_ms))}
    newest = {capture.job_id: capture for capture in captures}
    for capture in newest.values():
        if (capture.job_id, capture.end) in there:
            continue
        gpus_of = _holding(rows, capture, config.comm_gpus_count)
        try:
            made = learned(store, cluster, capture, gpus_of)
        except InputError as error:
            reason = str(error)
            outcome.not_calibrated[reason if len(outcome.not_calibrated) < MAX_REASONS else "others"] += 1
            continue
        insert_rows(store, COMM_CALIBRATION, [{**made, "version": until_ms}])
        outcome.calibrated += 1


def _holding(rows: Sequence[JobRow], capture: CaptureRow, most_gpus: int) -> dict[str, int]:
    """Nodes of the job at that time, enough of them."""
    chosen: dict[str, int] = {}
    for row in rows:
        during = row.began <= capture.begin and (row.ended is None or row.ended >= capture.end)
        if row.job_id == capture.job_id and during and sum(chosen.values()) < most_gpus:
            chosen[row.host] = row.gpu_count
    return chosen


def _estimate(store: Store, cluster: str, piece: Piece, known: Signatures) -> None:
    found = load(store, cluster, piece.job_id, piece.gpus_of, piece.since_ms, piece.until_ms)
    calibration, layout = known.of(piece.job_id), known.layout(piece.job_id)
    job = _job(piece, calibration, layout)
    estimates = {name: estimate(readings, job) for name, readings in found.readings.items()}
    made = of_job(estimates, sum(piece.gpus_of.values()))
    row = row_of(cluster, piece, made, estimates, model=found.model, layout=layout, calibration=calibration)
    insert_rows(store, COLLECTIVE, [row])


def _job(piece: Piece, calibration: Calibration | None, layout: str) -> Job:
    """`image` is not known from telemetry: a new image is a new job id, or shows in tensor activity and clocks."""
    signature = Signature(piece.job_id, "", layout, piece.gpus)
    return Job(signature, calibration, is_fine(layout), piece.until_ms / MS_PER_S)
