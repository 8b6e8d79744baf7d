"""How numbers of a report are written for people. Rounded here and nowhere else."""

from __future__ import annotations

import math

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.model_times import HoursInterval
from clusterctl.analytics.reports.words import Words
from clusterctl.analytics.stats import Rate, Verdict

UNDATED = "1970-01-01"
"""Imports that know how long, but not when, begin here."""
NO_P_BELOW = 0.001


def number_text(value: float) -> str:
    """About three digits, thousands separated; never an exponent above one in a million."""
    size = abs(value)
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "?"
    if value == int(value) and size < 1e15:
        return f"{int(value):,}"
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.3g}"


def count_text(w: Words, count: float | None) -> str:
    return w("unknown") if count is None else f"{count:,.0f}" if count == int(count) else f"{count:,.2f}"


def gpu_days_text(w: Words, days: float | None) -> str:
    """Exposure: whole days from a hundred on."""
    if days is None:
        return w("unknown")
    return f"{days:,.0f}" if days >= 100 else f"{days:,.3g}"


def told_rate(rate: Rate | None) -> bool:
    """Whether a rate may be printed: it has a value, an interval, a count and an exposure."""
    return rate is not None and None not in (rate.value, rate.low, rate.high, rate.count, rate.gpu_days)


def rate_digits(value: float) -> str:
    """Three decimals below ten: published rates have them."""
    if value == 0:
        return "0"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}" if abs(value) < 1000 else f"{value:,.0f}"


def interval_text(w: Words, low: float | None, high: float | None) -> str:
    """Limits; a missing upper one is infinite."""
    if low is None:
        return ""
    return w("{low} to {high}", low=rate_digits(low), high="∞" if high is None else rate_digits(high))


def rate_text(w: Words, rate: Rate | None) -> tuple[str, str]:
    """Value and interval; a rate never goes without one."""
    if rate is None or rate.value is None or not told_rate(rate):
        return w("no rate"), w("no exposure")
    return rate_digits(rate.value), interval_text(w, rate.low, rate.high)


def rate_sentence(w: Words, rate: Rate | None) -> str:
    """Rate, interval, count and exposure in one phrase, for places without columns."""
    value, interval = rate_text(w, rate)
    if rate is None or not told_rate(rate):
        return value
    return w(
        "{rate} ({interval}; {count} in {days} {unit})",
        rate=value,
        interval=interval,
        count=count_text(w, rate.count),
        days=gpu_days_text(w, rate.gpu_days),
        unit=w("node-days") if "node-days" in rate.basis or "GPUs a node" in rate.basis else w("GPU-days"),
    )


def basis_text(w: Words, basis: str) -> str:
    """The basis in words."""
    return w.told(basis.replace("_", " "))


def verdict_text(w: Words, verdict: Verdict, gpu_days: float | None) -> str:
    """The verdict, and what it would take where there is none yet."""
    said = w.told(verdict.verdict)
    if verdict.gpu_days_total_if_no_more is None or verdict.gpu_days_needed is None:
        return said
    parts = [
        w(
            "{verdict}: {needed} more GPU-days without a fault would decide, {total} in total",
            verdict=said,
            needed=f"{verdict.gpu_days_needed:,.0f}",
            total=f"{verdict.gpu_days_total_if_no_more:,}",
        )
    ]
    if gpu_days:
        total = verdict.gpu_days_total_at_observed_rate
        parts.append(
            w("never, at the observed rate")
            if total is None
            else w("{total} in total, at the observed rate", total=f"{total:,}")
        )
    return w("{first} ({second})", first=parts[0], second=parts[1]) if len(parts) > 1 else parts[0]


def share_text(w: Words, share: float | None) -> str:
    """Per cent with one decimal; with two where one would round to nothing or to all."""
    if share is None:
        return w("unknown")
    near = min(abs(share), abs(1 - share))
    digits = 1 if near == 0 or near >= 0.001 else 2
    return f"{100 * share:.{digits}f} %"


def p_text(w: Words, p_value: float | None) -> str:
    if p_value is None:
        return ""
    return f"< {NO_P_BELOW:g}" if p_value < NO_P_BELOW else f"{p_value:.3f}"


def ratio_text(ratio: float | None) -> str:
    return "" if ratio is None else f"×{number_text(ratio)}"


def hours_text(w: Words, interval: HoursInterval) -> str:
    """Hours with their interval; without an event only the lower limit is known."""
    if interval.value is None:
        return w("unknown") if interval.low is None else w("at least {hours} h", hours=number_text(interval.low))
    value = w("{hours} h", hours=number_text(interval.value))
    if interval.low is None:
        return value
    high = "∞" if interval.high is None else number_text(interval.high)
    return w("{value} ({low} to {high})", value=value, low=number_text(interval.low), high=high)


def seconds_text(w: Words, seconds: float | None) -> str:
    """A duration in the unit that a person would choose."""
    if seconds is None:
        return w("unknown")
    for limit, size, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h"), (math.inf, 86_400, "d")):
        if abs(seconds) < limit:
            return f"{number_text(seconds / size)} {w(unit)}"
    return "∞"


def moment_text(moment: str) -> str:
    """To the minute, UTC."""
    return moment[:16].replace("T", " ")


def window_text(w: Words, window: model.Window) -> str:
    days = window.evidence_hours / 24
    span = (
        w("{days} days", days=f"{days:,.1f}")
        if days >= 1
        else w("{minutes} min", minutes=f"{max(1, round(window.evidence_hours * 60)):,}")
    )
    if window.since.startswith(UNDATED):
        return w("{span}, undated", span=span)
    return w(
        "{since} to {until} UTC, {span} of evidence",
        since=moment_text(window.since),
        until=moment_text(window.until),
        span=span,
    )


def bytes_text(w: Words, count: float | None) -> str:
    """Binary units, for memory and traffic."""
    if count is None:
        return w("unknown")
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def decimal_bytes_text(w: Words, count: float | None) -> str:
    """Decimal units, as storage is sold and checkpoints are quoted."""
    if count is None:
        return w("unknown")
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{number_text(count)} {unit}"
        count /= 1000
    return f"{number_text(count)} TB"
