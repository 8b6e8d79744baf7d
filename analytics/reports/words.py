"""How numbers of a report are written for people. Rounded here and nowhere else."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.stats import Rate, Verdict

UNKNOWN = "unknown"
UNDATED = "1970-01-01"
"""Imports that know how long, but not when, begin here."""


def count_text(count: int) -> str:
    return f"{count:,}"


def gpu_days_text(days: float | None) -> str:
    if days is None:
        return UNKNOWN
    return f"{days:,.0f}" if days >= 100 else f"{days:,.3g}"


def rate_text(rate: Rate) -> tuple[str, str]:
    """Value and interval; a rate never goes without one."""
    if rate.value is None or rate.low is None or rate.high is None:
        return "no rate", "no exposure"
    return f"{rate.value:.3f}", f"{rate.low:.3f} to {rate.high:.3f}"


def verdict_text(verdict: Verdict, gpu_days: float | None) -> str:
    """The verdict, and what it would take where there is none yet."""
    if verdict.gpu_days_total_if_no_more is None:
        return verdict.verdict
    more = f"{verdict.verdict}: {verdict.gpu_days_needed:,.0f} more GPU-days without a fault would decide"
    if not gpu_days:
        return more
    total = verdict.gpu_days_total_at_observed_rate
    return more + (
        " (never, at the observed rate)" if total is None else f" ({total:,} in total, at the observed rate)"
    )


def window_text(window: model.Window) -> str:
    days = window.evidence_hours / 24
    span = f"{days:,.1f} days" if days >= 1 else f"{max(1, round(window.evidence_hours * 60)):,} min"
    if window.since.startswith(UNDATED):
        return f"{span}, undated"
    return f"{window.since[:16].replace('T', ' ')} to {window.until[:16].replace('T', ' ')} UTC, {span} of evidence"


def reference_text(line: model.ReferenceLine) -> str:
    interval = "" if line.low is None or line.high is None else f" ({line.low:.3f} to {line.high:.3f})"
    return f"{line.rate:.3f}{interval}"


def bytes_text(count: float | None) -> str:
    if count is None:
        return UNKNOWN
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(count) < 1024 or unit == "TiB":
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    return UNKNOWN


def share_text(share: float | None) -> str:
    return UNKNOWN if share is None else f"{100 * share:.1f} %"
