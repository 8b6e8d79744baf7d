"""What was watched, and whether that is enough to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clusterctl.analytics.reports import model, queries
from clusterctl.store import Param, Reader

MINUTES_A_DAY = 1_440


@dataclass(frozen=True, slots=True)
class Watched:
    """What the store says of it."""

    nodes: queries.CoverageRow
    batches: queries.LostRow
    bus: queries.GapRow


def watched_in(store: Reader, window: Mapping[str, Param]) -> Watched:
    """Ask the store. The window ends now at the latest: nobody can have watched the future."""
    return Watched(
        queries.COVERAGE.one(store, **window), queries.LOST.one(store, **window), queries.GAPS.one(store, **window)
    )


def coverage_of(
    watched: Watched, *, observed: bool, imported: bool, known: float | None = None, told: float = 0.0
) -> model.Coverage:
    """Coverage of a window; `observed` and `imported` say where its exposure comes from, `known` and `told` are the
    GPU-days of known state, and all that agents and sources spoke of."""
    row, lost, gaps = watched.nodes, watched.batches, watched.bus
    share = _share(row.node_minutes, row.node_minutes_expected)
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
        gpu_minutes_share=_share(known and known * MINUTES_A_DAY, max(row.gpu_minutes_expected, told * MINUTES_A_DAY)),
        ticks_share=_share(row.ticks_done, row.ticks_expected),
        log_share=_share(row.log_minutes, row.node_minutes_expected),
    )


def _share(done: float | None, due: float) -> float | None:
    return None if done is None or not due else done / due


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
