"""Write the pages that are derived from the code: tables, settings, commands, meters. `--check` fails if one is old."""

from __future__ import annotations

import re
import sys
import typing
from pathlib import Path

import typer
from typer.testing import CliRunner

from clusterctl.cli import app
from clusterctl.collector.meters import MeterName
from clusterctl.config import knobs
from clusterctl.schema import SCHEMA_VERSION, TABLES

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "deploy" / "examples" / "clusterctl.toml"
MADE = "<!-- made by docs/generate.py; edit the declaration, not this page -->\n"


def schema_page() -> str:
    parts = [MADE, "# Tables\n", f"Schema version {SCHEMA_VERSION}. Every timestamp is UTC with milliseconds.\n"]
    for table in TABLES:
        parts.append(f"## {table.name}\n")
        lane = f"stream: {table.lane.value}" if table.lane else "written by analytics and imports"
        parts.append(f"{table.doc}\n\nKey: {', '.join(table.key)}; {lane}.\n")
        parts.append("| column | type | kind | unit | since | meaning |\n|---|---|---|---|---|---|")
        parts += [
            f"| {f.name} | {f.column_type()} | {f.kind.value} | {f.unit.name.lower()} | {f.since} | {f.doc} |"
            for f in table.columns
        ]
        parts.append("")
    return "\n".join(parts)


def configuration_page() -> str:
    parts = [
        MADE,
        "# Settings\n",
        "One TOML file: `--config`, else `$CLUSTERCTL_CONFIG`, else `/etc/clusterctl/clusterctl.toml`. Each setting can be",
        "overridden by its environment variable. Unknown keys are refused. `clusterctl config show` prints what holds.\n",
        "| setting | default | environment | meaning |\n|---|---|---|---|",
    ]
    for knob in knobs():
        choices = f" One of: {', '.join(knob.choices)}." if knob.choices else ""
        default = _toml(knob.default)
        parts.append(f"| {knob.section}.{knob.name} | `{default}` | `{knob.env}` | {knob.doc}{choices} |")
    return "\n".join(parts) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return str(list(value)) if isinstance(value, tuple) else str(value)


def example_file() -> str:
    parts = ["# Every setting with its default. Made by docs/generate.py; copy it and keep what you change.\n"]
    section = ""
    for knob in knobs():
        if knob.section != section:
            section = knob.section
            parts.append(f"\n[{section}]\n")
        parts.append(f"# {knob.doc}\n# {knob.name} = {_toml(knob.default)}\n")
    return "".join(parts)


def commands_page() -> str:
    return "\n".join([MADE, "# Commands\n", *_command(typer.main.get_command(app), [])])


def _command(command: object, path: list[str]) -> list[str]:
    """The help of a command and of all below it, as a terminal of 110 columns shows it."""
    shown = CliRunner(env={"COLUMNS": "110", "TERMINAL_WIDTH": "110"}).invoke(
        app, [*path, "--help"], prog_name="clusterctl"
    )
    help_text = re.sub(r"[ \t]+$", "", shown.output.strip(), flags=re.MULTILINE)
    parts = [f"## {' '.join(['clusterctl', *path])}\n", "```text", help_text, "```\n"]
    for name, child in sorted(getattr(command, "commands", {}).items()):
        parts += _command(child, [*path, name])
    return parts


def meters_page() -> str:
    names = typing.get_args(MeterName)
    source = (DOCS.parent / "collector" / "meters.py").read_text(encoding="utf-8")
    comments = dict(re.findall(r'"(\w+)",\s*# (.*)', source))
    rows = [f"| {name} | {comments[name]} |" for name in names]
    return "\n".join([MADE, "# What the collector counts\n", "| meter | meaning |\n|---|---|", *rows]) + "\n"


PAGES = {
    DOCS / "schema.md": schema_page,
    DOCS / "configuration.md": configuration_page,
    DOCS / "commands.md": commands_page,
    DOCS / "meters.md": meters_page,
    EXAMPLE: example_file,
}


def main() -> int:
    check = "--check" in sys.argv
    old = []
    for path, make in PAGES.items():
        text = make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            old.append(path)
            if not check:
                path.write_text(text, encoding="utf-8")
    for path in old:
        print(f"{'old' if check else 'wrote'}: {path.relative_to(DOCS.parent)}")
    if check and old:
        print("run: make docs")
    return int(check and bool(old))


if __name__ == "__main__":
    sys.exit(main())
