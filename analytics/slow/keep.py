"""A pass over a moving window and what stands from passes before: what is the same finding, what ended, what is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from clusterctl.analytics.slow.questions import StandingRow
from clusterctl.clock import MS_PER_MINUTE, to_ms

SAME_WITHIN_MS = 15 * MS_PER_MINUTE
"""A finding keeps the onset that it was first given, unless a later look moves it further than this."""
Row = dict[str, Any]
FOREVER = 1 << 62


def merged(fresh: Sequence[Row], standing: Sequence[StandingRow], cluster: str, since_ms: int) -> list[Row]:
    """Rows to write so that `fresh` is what stands for the window: continued ones under their first onset, those that are
    found no more ended or, if the window holds all of them, retired. What would not change is left out."""
    rows: list[Row] = []
    left: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in standing:
        left[row.host, row.subject, row.metric].append(_plain(row, cluster))
    for new in sorted(fresh, key=lambda row: row["onset"]):
        known = left[new["host"], new["subject"], new["metric"]]
        old = next((row for row in known if _same(row, new, since_ms)), None)
        if old is None:
            rows.append(new)
            continue
        known.remove(old)
        kept = {**new, "onset": old["onset"]}
        rows += [kept] if kept != old else []
    for gone in (row for known in left.values() for row in known):
        if gone["onset"] >= since_ms:
            rows.append({**gone, "retired": 1})
        else:
            rows.append({**gone, "until": since_ms})
    return list({_key(row): row for row in sorted(rows, key=lambda row: row["retired"], reverse=True)}.values())


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("cluster", "host", "subject", "metric", "onset"))


def _same(old: Row, new: Row, since_ms: int) -> bool:
    """They overlap and begin together, or the window cuts off the beginning."""
    overlap = old["onset"] < (new["until"] or FOREVER) and new["onset"] < (old["until"] or FOREVER)
    begins = abs(old["onset"] - new["onset"]) <= SAME_WITHIN_MS
    cut = old["onset"] < since_ms + SAME_WITHIN_MS and new["onset"] <= since_ms + SAME_WITHIN_MS
    return bool(overlap and (begins or cut))


def _plain(row: StandingRow, cluster: str) -> Row:
    return {
        "cluster": cluster,
        "host": row.host,
        "subject_kind": row.subject_kind,
        "subject": row.subject,
        "metric": row.metric,
        "onset": to_ms(row.onset),
        "job_id": row.job_id,
        "slow_ratio": row.slow_ratio,
        "confidence_ratio": row.confidence_ratio,
        "peers": row.peers,
        "retired": 0,
        "evidence": row.evidence,
        "until": None if row.until is None else to_ms(row.until),
        "gpu_hours_lost": row.gpu_hours_lost,
    }
