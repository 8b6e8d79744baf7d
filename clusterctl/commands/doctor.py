"""`clusterctl doctor`: is the pipeline in order, and what to do where it is not."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

import typer

from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, Settings, ShortFormat
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, worst
from clusterctl.doctor.page import as_json, show
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.run import Examination, LeftOut, examine
from clusterctl.errors import ConfigError
from clusterctl.schema.verdict import State
from clusterctl.terminal import progress

SAY_EVERY_S = 1.0
QUIET_S = 1.5
"""An examination that is over sooner shows no progress."""


def doctor(
    context: typer.Context,
    format: Annotated[ShortFormat, typer.Option(help="table or json.")] = ShortFormat.TABLE,
    deadline_s: Annotated[
        float | None, typer.Option(min=1, max=300, help="Longest time for a check; else doctor.deadline_s.")
    ] = None,
) -> None:
    """Check the pipeline end to end, and say what to do about each finding. Nothing is changed or written.

    Configuration, agent here, broker, topics, collectors and their lag, dead letters, store, schema, parts, disks,
    freshness, hosts, clocks: docs/doctor.md. What could not be checked is unknown, never ok. Exit code 0 when all is well,
    1 when something warns or fails, 2 when nothing does but something could not be told."""
    made = _examined(context, deadline_s)
    if format is ShortFormat.JSON:
        typer.echo(as_json(made))
    else:
        show(made)
    raise typer.Exit(exit_code(made.findings))


def exit_code(findings: tuple[Finding, ...]) -> int:
    """By the gravest state: a finding outweighs what could not be told, and that outweighs what is in order."""
    state = worst(findings)
    return FINDINGS if state in (State.WARN, State.FAIL) else UNKNOWN if state is State.UNKNOWN else OK


def _examined(context: typer.Context, deadline_s: float | None) -> Examination:
    from clusterctl.doctor.checks import CHECKS

    settings = context.obj if isinstance(context.obj, Settings) else Settings()
    try:
        config = settings.load()
    except ConfigError as error:
        finding = fail("file", str(error), error.hint or "correct it; clusterctl config show lists every key")
        others = tuple(LeftOut(check.name, "there is no configuration") for check in CHECKS[1:])
        return Examination((_named(finding, CHECKS[0].name),), others)
    return _with_progress(Patient(_with_deadline(config, deadline_s), settings.config_file))


def _named(finding: Finding, name: str) -> Finding:
    return Finding(finding.subject, finding.state, finding.seen, finding.do, name)


def _with_deadline(config: Config, deadline_s: float | None) -> Config:
    return config if deadline_s is None else replace(config, doctor=replace(config.doctor, deadline_s=deadline_s))


def _with_progress(patient: Patient) -> Examination:
    from clusterctl.doctor.checks import CHECKS

    say_at_s = time.monotonic() + QUIET_S
    with progress(len(CHECKS), "checking") as step:

        def told(text: str, done: float) -> None:
            nonlocal say_at_s
            if time.monotonic() > say_at_s:
                step(text, done)
                say_at_s = time.monotonic() + SAY_EVERY_S

        try:
            return examine(patient, CHECKS, told)
        finally:
            patient.close()
