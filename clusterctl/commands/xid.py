"""`clusterctl xid`: what a code means, whether it counts, and what to do."""

from __future__ import annotations

import dataclasses
import enum
import json
from typing import Annotated

import typer

from clusterctl.catalog import Catalogue, Code, load
from clusterctl.catalog.differ import differing
from clusterctl.catalog.explain import Asked, asked, explain
from clusterctl.commands.common import ShortFormat, config_of
from clusterctl.commands.xid_sheet import show
from clusterctl.terminal import Sheet

NAME = "xid"
app = typer.Typer(no_args_is_help=True, help="What Xid and SXid codes mean, and what to do.")


class Kind(str, enum.Enum):
    """Whose number it is."""

    XID = "xid"
    SXID = "sxid"


KindOption = Annotated[Kind | None, typer.Option(help="xid (GPU) or sxid (NVSwitch); else by the code's form.")]
FormatOption = Annotated[ShortFormat, typer.Option(help="table or json.")]


@app.callback()
def xid() -> None:
    """What Xid and SXid codes mean, whether they count as faults, and what to do."""


def _site(context: typer.Context) -> Catalogue:
    return load(config_of(context).analytics.catalog_overrides)


@app.command("explain")
def explain_code(
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="79, 'XID 79', sxid:12028, or the whole kernel line in quotes.")],
    driver: Annotated[str, typer.Option(help="Driver version; meanings change with it. Else the newest.")] = "",
    kind: KindOption = None,
    words: Annotated[str, typer.Option(help="The words of an Xid 144 to 150, to decode its sub-code.")] = "",
    unit: Annotated[str, typer.Option(help="The unit in front of those words.")] = "",
    format: FormatOption = ShortFormat.TABLE,
) -> None:
    """Meaning, class, whether it counts and why, what to do now, what others say. Exit code 2 if the code is unknown."""
    wanted = asked(code, kind.value if kind else "")
    given = {name: value for name, value in (("words", words.replace(",", " ")), ("unit", unit)) if value}
    found = explain(_site(context), Asked(wanted.kind, wanted.code, {**wanted.fields, **given}), driver)
    if format is ShortFormat.JSON:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=2))
    else:
        show(found)


@app.command("list")
def list_codes(
    context: typer.Context,
    hardware: Annotated[bool, typer.Option(help="Only codes that count as a fault by themselves.")] = False,
    kind: KindOption = None,
    format: FormatOption = ShortFormat.TABLE,
) -> None:
    """Every code with its drivers, whether it counts, and its meaning."""
    site = _site(context)
    wanted = kind.value if kind else "xid"
    rows = [
        found
        for row in site.codes()
        if row.kind == wanted and (found := site.overrides.applied(row, row.driver_from))
        if not hardware or found.hw_fault_kpi in ("yes", "if_line_says_fatal")
    ]
    if format is ShortFormat.JSON:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return
    sheet = Sheet()
    sheet.table(["code", "counts", "class", "meaning"], [_line(row) for row in rows], right=["code"])
    sheet.line(f" {len(rows)} rows of catalogue {site.version}", style="dim")


def _line(row: Code) -> list[str]:
    drivers = "" if row.drivers == "any driver" else f" ({row.drivers})"
    return [row.code, _short(row), row.incident_class, row.meaning + drivers]


def _short(row: Code) -> str:
    """The first word of the judgement, for a table."""
    words = {"if_line_says_fatal": "if Fatal", "conditional": "second sign", "degradation": "own line"}
    site = " (site)" if row.site_reason else ""
    user = row.incident_class == "user"
    return ("user" if user else words.get(row.hw_fault_kpi, row.hw_fault_kpi)) + site


@app.command("diff")
def diff(context: typer.Context, format: FormatOption = ShortFormat.TABLE) -> None:
    """Codes on which NVIDIA's own catalogue, DCGM, gpud and the Kubernetes device plugin judge differently."""
    found = differing(_site(context))
    if format is ShortFormat.JSON:
        typer.echo(json.dumps([dataclasses.asdict(line) for line in found], indent=2))
        return
    sheet = Sheet()
    sheet.table(
        ["code", "NVIDIA", "DCGM", "gpud", "device plugin", "here"],
        [[line.code, line.nvidia, line.dcgm, line.gpud, line.device_plugin, line.here] for line in found],
        right=["code"],
    )
    sheet.line(" The same fleet has another fault rate in every tool: name the catalogue with the rate.", style="dim")
