"""How a share of communication is written: with its interval, and of grades without a value as bounds only."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.analytics.communication.grade import Grade
from clusterctl.analytics.reports.figures import count_text, moment_text, share_text
from clusterctl.analytics.reports.model_comm import Exposed
from clusterctl.analytics.reports.page import Span, name_cell
from clusterctl.analytics.reports.words import Words


def interval(w: Words, value: float | None, low: float | None, high: float | None) -> str:
    """Value and interval; bounds where there is no value; what was counted exactly has no interval."""
    if low is None or high is None:
        return w("not available")
    ends = {"low": share_text(w, low), "high": share_text(w, high)}
    if value is None:
        return w("bounds {low} to {high}", **ends)
    if low == high == value:
        return share_text(w, value)
    return w("{value} ({low} to {high})", value=share_text(w, value), **ends)


def exposed_text(w: Words, told: Exposed) -> str:
    """What a source says, or why it says nothing."""
    if told.low is None or told.high is None:
        return w("not available: {why}", why=w.told(told.reason) or w("unknown"))
    return interval(w, told.value, told.low, told.high)


def standing(w: Words, told: Exposed) -> str:
    """What a value stands on: grade, source, window, ranks."""
    grade = w("exact") if told.grade == Grade.EXACT.value else w("grade {grade}", grade=name_cell(told.grade, 8))
    if told.low is None:
        grade = w("no grade")
    source = w("telemetry") if told.source == "telemetry" else name_cell(told.source, 40)
    return w("; ").join([w(", ").join([grade, source]), _window(w, told), _ranks(w, told)])


def _window(w: Words, told: Exposed) -> str:
    steps = w("{steps} steps", steps=count_text(w, told.steps)) if told.steps else ""
    if told.windows == 1:
        at = moment_text(told.since)
        return w("{steps} at {at}", steps=steps, at=at) if steps else w("one window at {at}", at=at)
    return w(
        "{windows} windows of {since} to {until}",
        windows=count_text(w, told.windows),
        since=moment_text(told.since),
        until=_end(told.since, told.until),
    ) + (w(", ") + steps if steps else "")


def _end(since: str, until: str) -> str:
    """The hour alone where the day is the same."""
    text = moment_text(until)
    return text[11:] if since[:10] == until[:10] else text


def _ranks(w: Words, told: Exposed) -> str:
    if told.ranks is None:
        return w("ranks unknown")
    whole = w("unknown") if told.ranks_of_job is None else count_text(w, told.ranks_of_job)
    return w("{ranks} of {whole} ranks", ranks=count_text(w, told.ranks), whole=whole)


def span(
    value: float | None, low: float | None, high: float | None, scale: float, lines: Sequence[float]
) -> Span | None:
    """Bounds have no point to draw."""
    if low is None or high is None:
        return None
    return Span(low, value, high, scale, tuple(lines))
