"""`clusterctl slow`: GPUs, ports, nodes and jobs that are slower than they should be, without having failed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clusterctl.clock import SystemClock, to_ms, utc
from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, ShortFormat, config_of, ready_store
from clusterctl.store import Param, Store
from clusterctl.terminal import Sheet, clean
from clusterctl.timetext import parse_moment

if TYPE_CHECKING:
    from clusterctl.analytics.reports.slow import SlowRow
    from clusterctl.analytics.slow.refresh import Outcome

COLUMNS = (
    "slow",
    "what",
    "node",
    "name",
    "reading",
    "job",
    "since (UTC)",
    "until",
    "sure",
    "peers",
    "GPU-h lost",
    "why",
)
NUMBERS = ("slow", "sure", "peers", "GPU-h lost")
SURE_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Listed:
    """A cluster's findings, and how much was compared to get them."""

    cluster: str
    compared: int
    not_compared: dict[str, int]
    findings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lasting(self) -> int:
        """Findings that go on."""
        return sum(one["until"] is None for one in self.findings)


def slow(
    context: typer.Context,
    since: Annotated[
        str, typer.Option(help="Findings that lasted into this time or later: 24h, 7d, 2026-11-01.")
    ] = "24h",
    job: Annotated[str, typer.Option(help="Only those under this job.")] = "",
    cluster: Annotated[str, typer.Option(help="Only this cluster.")] = "",
    output: Annotated[
        ShortFormat, typer.Option("--format", help="table for people, json for programs.")
    ] = ShortFormat.TABLE,
) -> None:
    """Compare GPUs and ports with their peers under the same job, and jobs with their own past, and list what was at least
    analytics.slow_ratio slower for at least analytics.slow_min_s.

    A slow GPU makes all ranks of a synchronous job wait, so that all seem slow: docs/fail-slow.md says what tells one from
    the others, and what nothing can tell. Exit code 1 if something is slow now, 2 if nothing could be compared."""
    from clusterctl.analytics.slow.refresh import look

    config = config_of(context)
    now_ms = SystemClock().now_ms()
    since_ms = parse_moment(since, now_ms)
    store = ready_store(config)
    try:
        outcomes = [one for one in look(store, config.analytics, now_ms) if cluster in ("", one.cluster)]
        listed = [_listed(store, one, since_ms, now_ms, job) for one in outcomes]
    finally:
        store.close()
    if output is ShortFormat.JSON:
        typer.echo(
            json.dumps({"since": _text(since_ms), "until": _text(now_ms), "clusters": [asdict(c) for c in listed]})
        )
    else:
        _show(listed)
    raise typer.Exit(_exit_code(listed))


def _exit_code(listed: Sequence[Listed]) -> int:
    if any(one.lasting for one in listed):
        return FINDINGS
    return OK if any(one.compared or one.findings for one in listed) else UNKNOWN


def _listed(store: Store, outcome: Outcome, since_ms: int, now_ms: int, job: str) -> Listed:
    from clusterctl.analytics.reports.slow import SLOW

    window: dict[str, Param] = {"cluster": outcome.cluster, "since": utc(since_ms), "until": utc(now_ms)}
    rows = [row for row in SLOW.run(store, **window) if job in ("", row.job_id)]
    return Listed(outcome.cluster, outcome.compared, outcome.untold, [_plain(row) for row in rows])


def _plain(row: SlowRow) -> dict[str, Any]:
    times = {"onset": _text(to_ms(row.onset)), "until": None if row.until is None else _text(to_ms(row.until))}
    return {**asdict(row), **times, "evidence": json.loads(row.evidence or "{}")}


def _text(ms: int) -> str:
    return utc(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _show(listed: Sequence[Listed]) -> None:
    sheet = Sheet()
    if not listed:
        sheet.line("no jobs known yet: a job's GPUs are compared with each other, so jobs have to be seen first")
    for one in listed:
        sheet.title(f"{clean(one.cluster)}: {one.compared} GPUs and ports compared, {one.lasting} findings that go on")
        if one.findings:
            sheet.table(COLUMNS, [_cells(found) for found in one.findings], right=NUMBERS)
        else:
            sheet.line("nothing found slow")
        for reason, units in sorted(one.not_compared.items()):
            sheet.line(f"not compared by the minute: {units} GPUs, {reason}", style="dim")


def _cells(found: dict[str, Any]) -> list[str]:
    lost = found["gpu_hours_lost"]
    reasons = found["evidence"].get("held_back", {})
    return [
        f"{100 * found['slow_ratio']:.0f} %",
        clean(found["subject_kind"]),
        clean(found["host"], 40),
        "" if found["subject"] == found["host"] else clean(found["subject"], 44),
        clean(found["metric"]),
        clean(found["job_id"], 40),
        found["onset"][:16].replace("T", " "),
        "goes on" if found["until"] is None else found["until"][:16].replace("T", " "),
        f"{found['confidence_ratio']:.{SURE_DECIMALS}f}",
        f"{found['peers']}",
        "?" if lost is None else f"{lost:.1f}",
        ", ".join(f"{clean(name)} {100 * share:.0f} %" for name, share in reasons.items()),
    ]
