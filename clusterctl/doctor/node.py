"""This machine: the agent, if one runs here, and the local bus."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusterctl.bus import spool_dir
from clusterctl.bus.segments import SUFFIX
from clusterctl.clock import MS_PER_S
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, graded, ok, size, span, unknown, warn
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import check
from clusterctl.terminal import clean

LATE_TICKS = 5
"""An agent that has missed this many grid points in a row does not tick."""


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """`answer` is what the running agent said; None with a reason when it did not."""

    path: str
    answer: Mapping[str, Any] | None
    why: str
    now_ms: int


def control_path(config: Config) -> Path:
    """Where an agent of this data directory takes orders."""
    from clusterctl.agent.local import CONTROL

    return config.site.data_path() / CONTROL


def no_agent(config: Config) -> str:
    """Left out on a machine where no agent has ever run with this data directory."""
    if control_path(config).exists() or Path(spool_dir(config)).exists():
        return ""
    return f"no agent on this machine has used {config.site.data_path()}"


def _agent(patient: Patient) -> AgentSeen:
    from clusterctl.agent.local import order

    path = control_path(patient.config)
    try:
        answer = order(path, "status", None)
    except (OSError, ValueError, EOFError) as error:
        return AgentSeen(str(path), None, str(error), patient.clock.now_ms())
    return AgentSeen(str(path), answer, "", patient.clock.now_ms())


@check("agent here", read=_agent, left_out=no_agent, knobs=("agent.period_s",))
def agent(seen: AgentSeen, config: Config) -> Iterator[Finding]:
    """The agent on this machine answers and ticks, sees everything, and loses nothing."""
    if seen.answer is None:
        yield fail(
            seen.path,
            f"no agent answers: {seen.why}",
            "start it: systemctl start clusterctl-agent; run as its user or root",
        )
        return
    counters, subject = seen.answer["counters"], f"agent on {clean(str(seen.answer['host']), 64)}"
    late_s = (seen.now_ms - seen.answer["last_tick_ms"]) / MS_PER_S
    bad = [check for check in seen.answer["checks"] if check["state"] in ("warn", "fail")]
    if late_s > LATE_TICKS * config.agent.period_s + 1:
        yield fail(subject, f"its last tick was {span(late_s)} ago", "see its log; restart it")
    if counters["spool_lost_batches"]:
        yield fail(
            subject,
            f"{counters['spool_lost_batches']:,} batches lost since it began",
            "see the findings on the spool and the broker; enlarge agent.spool_max_bytes",
        )
    if seen.answer["blind"] or bad:
        yield warn(
            subject,
            f"blind to {', '.join(map(str, seen.answer['blind'])) or 'nothing'}; {len(bad)} checks warn or fail",
            "run: clusterctl agent status",
        )
    elif late_s <= LATE_TICKS * config.agent.period_s + 1 and not counters["spool_lost_batches"]:
        yield ok(subject, f"ticked {span(late_s)} ago, {counters['batches']:,} batches, none lost")


@dataclass(frozen=True, slots=True)
class SpoolSeen:
    """Bytes of one topic's segments; a consumer's segments may go, so with a collector at work this stays small."""

    topic: str
    bytes: int
    limit_bytes: int
    writable: bool


def _spool(patient: Patient) -> tuple[SpoolSeen, ...]:
    root = Path(spool_dir(patient.config))
    limit = patient.config.agent.spool_max_bytes
    return tuple(
        SpoolSeen(
            folder.name,
            sum(file.stat().st_size for file in folder.glob(f"*{SUFFIX}")),
            limit,
            os.access(folder, os.W_OK),
        )
        for folder in sorted(root.iterdir())
        if folder.is_dir()
    )


@check("spool", read=_spool, left_out=no_agent, knobs=("doctor.spool_warn_ratio", "doctor.spool_fail_ratio"))
def spool(found: Sequence[SpoolSeen], config: Config) -> Iterator[Finding]:
    """The agent's spool has room: it fills while what reads it is away, and then drops the oldest."""
    if not found:
        yield unknown("spool", "is empty: the agent has not written yet", "look again in a few seconds")
    for seen in found:
        share = seen.bytes / seen.limit_bytes
        if not seen.writable:
            yield fail(seen.topic, "its folder cannot be written", "is the disk read-only, or the agent another user?")
            continue
        yield graded(
            seen.topic,
            f"{size(seen.bytes)} of {size(seen.limit_bytes)} in use ({share:.0%})",
            "bring back what reads it: the broker, or with the local bus the collector",
            share,
            config.doctor.spool_warn_ratio,
            config.doctor.spool_fail_ratio,
        )
