"""What changed against an earlier window."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import (
    moment_text,
    number_text,
    p_text,
    rate_sentence,
    ratio_text,
    seconds_text,
    share_text,
)
from clusterctl.analytics.reports.page import ESSENTIAL, Badge, Block, Cell, Column, Grid, Note, Section, Tone
from clusterctl.analytics.reports.words import Words, named
from clusterctl.analytics.stats import Rate

TONES = {"worse": Tone.BAD, "better": Tone.GOOD, "not enough exposure": Tone.WARN}
MAX_NAMES = 12


def compared(cluster: model.ClusterReport, w: Words) -> Section:
    """Each measure before and after, and whether chance alone could have made the difference."""
    title, comparison = w("What changed"), cluster.comparison
    if comparison is None:
        return Section("compared", title, [Note(w("Not compared: ask with --compare previous or a window."))])
    against = w(
        "Against {since} to {until} UTC. Rates by the exact conditional test; all verdicts of this table together are "
        "wrong in at most 5 % of those that say worse or better (Benjamini-Hochberg).",
        since=moment_text(comparison.since),
        until=moment_text(comparison.until),
    )
    columns = [
        Column(w("measure"), keep=ESSENTIAL, wrap=True),
        Column(w("before"), keep=ESSENTIAL, wrap=True),
        Column(w("now"), keep=ESSENTIAL, wrap=True),
        Column(w("ratio"), right=True, keep=6),
        Column(w("p"), right=True, keep=4),
        Column(w("verdict"), keep=ESSENTIAL, wrap=True),
    ]
    rows: list[list[Cell]] = [
        [
            w.told(change.measure.replace("_", " ")),
            _value(w, change, change.before, change.before_rate),
            _value(w, change, change.after, change.after_rate),
            _ratio(w, change),
            p_text(w, change.p_value),
            Badge(w.told(change.verdict), TONES.get(change.verdict, Tone.PLAIN)),
        ]
        for change in comparison.changes
        if not _nothing(change)
    ]
    blocks: list[Block] = [Note(against), Grid(columns, rows)]
    for text, names in (
        (w("Causes that are new"), comparison.new_causes),
        (w("Causes that are gone"), comparison.gone_causes),
    ):
        if names:
            listed = w(", ").join(named(name) for name in names[:MAX_NAMES])
            more = len(names) - MAX_NAMES
            rest = w(" and {count} more", count=more) if more > 0 else ""
            blocks.append(Note(w("{what}: {names}{rest}.", what=text, names=listed, rest=rest)))
    return Section("compared", title, blocks)


def _nothing(change: model.Change) -> bool:
    """No event in either window: a row that would say nothing."""
    return all(rate is not None and rate.count == 0 for rate in (change.before_rate, change.after_rate))


def _value(w: Words, change: model.Change, value: float | None, rate: Rate | None) -> str:
    if rate is not None:
        return rate_sentence(w, rate)
    if value is None:
        return w("unknown")
    if change.unit == "share":
        return share_text(w, value)
    if change.unit == "seconds":
        return seconds_text(w, value)
    return w("{hours} h", hours=number_text(value)) if change.unit == "hours" else number_text(value)


def _ratio(w: Words, change: model.Change) -> str:
    text = ratio_text(change.ratio)
    if not text or change.ratio_low is None:
        return text
    high = "∞" if change.ratio_high is None else number_text(change.ratio_high)
    interval = w("{low} to {high}", low=number_text(change.ratio_low), high=high)
    return f"{text} ({interval})"
