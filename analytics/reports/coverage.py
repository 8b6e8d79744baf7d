"""What was watched, and whether that is enough to judge."""

from __future__ import annotations

from clusterctl.analytics.reports import model, queries
from clusterctl.clock import utc
from clusterctl.store import Param, Reader


def coverage_of(
    store: Reader, window: dict[str, Param], *, until_ms: int, observed: bool, imported: bool
) -> model.Coverage:
    """Coverage of the window up to `until_ms`: nobody can have watched the future."""
    asked: dict[str, Param] = {**window, "until": utc(until_ms)}
    row = queries.COVERAGE.one(store, **asked)
    lost = queries.LOST.one(store, **asked)
    gaps = queries.GAPS.one(store, **asked)
    share = row.node_minutes / row.node_minutes_expected if row.node_minutes_expected else None
    source = "observed and imported" if observed and imported else "imported" if imported else "observed"
    if not observed and not imported:
        source = "none"
    return model.Coverage(
        source=source,
        share=share,
        nodes=row.nodes,
        node_minutes=row.node_minutes,
        node_minutes_expected=row.node_minutes_expected,
        ticks_done=row.ticks_done,
        ticks_expected=row.ticks_expected,
        batches_lost=max(0, lost.batches_lost),
        log_records_lost=row.log_records_lost,
        gpus_expected=row.gpus_expected if row.nodes else None,
        gpus_seen=row.gpus_seen if row.nodes else None,
        blind=row.blind,
        summary="; ".join([_summary(row, share, source), *_gaps(gaps)]),
        messages_lost=gaps.messages_lost,
        bus_gaps=gaps.gaps,
    )


def is_covered(coverage: model.Coverage, least: float) -> bool:
    """Enough was watched for a verdict; an imported exposure stands as stated."""
    return coverage.share is None or coverage.share >= least


def _summary(row: queries.CoverageRow, share: float | None, source: str) -> str:
    if not row.nodes:
        return {"imported": "exposure as stated by the import; nothing was observed"}.get(
            source, "nothing was observed"
        )
    parts = [_gpus(row)]
    if share is not None:
        parts.append(f"{row.node_minutes} of {row.node_minutes_expected} node-minutes watched")
    if row.ticks_expected:
        parts.append(f"{row.ticks_done} of {row.ticks_expected} ticks")
    if row.log_records_lost:
        parts.append(f"{row.log_records_lost} kernel-log records lost unread")
    return "; ".join(parts)


def _gaps(row: queries.GapRow) -> list[str]:
    if not row.gaps:
        return []
    return [f"{row.messages_lost} messages deleted by the bus before they were read, in {row.gaps} gaps"]


def _gpus(row: queries.CoverageRow) -> str:
    why = [reason.split(":", 1)[1].replace("_", " ") for reason in row.blind if reason.startswith("gpu:")]
    seen = f"{row.gpus_seen or 0} GPUs seen"
    if row.gpus_expected and row.gpus_expected != (row.gpus_seen or 0):
        seen += f" of {row.gpus_expected} on the PCI bus"
    return f"{seen}: {', '.join(why)}" if why else seen
