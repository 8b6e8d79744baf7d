"""Write the pages that are derived from the code: tables, settings, commands, meters. `--check` fails if one is old."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import typer
from typer.testing import CliRunner

from clusterctl.agent.kmsg.grammar import RULES
from clusterctl.agent.nvml.calls import CALLS
from clusterctl.agent.nvml.direct import SPECS
from clusterctl.agent.nvml.fields import GPU_FIELDS, HEALTH, LINK_FIELDS, LINK_STATE, SAMPLE, FieldId, Tier
from clusterctl.agent.nvml.gpm import METRICS
from clusterctl.analytics.reports.schema import fields_page, schema_text
from clusterctl.cli import app
from clusterctl.collector.meters import COUNTERS, GAUGES
from clusterctl.config import StoreConfig, knobs
from clusterctl.doctor.checks import CHECKS
from clusterctl.doctor.node import no_agent
from clusterctl.doctor.page import JSON_VERSION
from clusterctl.doctor.registry import on_kafka, on_local_bus, on_server
from clusterctl.schema import SCHEMA_VERSION, TABLES
from clusterctl.store.bounded import report_bounds

DOCS = Path(__file__).parent
READER = "clusterctl_reader"
READER_SQL = DOCS.parent / "deploy" / "grafana" / "reader.sql"
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


def reader_sql() -> str:
    """A user for Grafana, under the bounds that reports have."""
    store = StoreConfig()
    bounds = [
        f"{name} = {value:.0f}" if name == "readonly" else f"{name} = {value:.0f} MAX {value:.0f}"
        for name, value in report_bounds(store).settings().items()
    ]
    listed = ",\n  ".join(bounds)
    return f"""-- A user for Grafana that can read and nothing else, under the bounds of clusterctl's own reports
-- (store.report_timeout_s, store.report_memory_bytes). Run it once as an administrator, with a password of your own:
--   clickhouse-client --param_password="$CLICKHOUSE_PASSWORD" < reader.sql
-- Made by docs/generate.py. readonly 2: the data source plugin sets how its queries run, and may; MAX keeps it within bounds.
CREATE SETTINGS PROFILE IF NOT EXISTS {READER} SETTINGS
  {listed};
CREATE USER IF NOT EXISTS {READER} IDENTIFIED WITH sha256_password BY {{password:String}} SETTINGS PROFILE '{READER}';
GRANT SELECT ON {store.database}.* TO {READER};
"""


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
    source = (DOCS.parent / "collector" / "meters.py").read_text(encoding="utf-8")
    comments = dict(re.findall(r'"(\w+)",\s*# (.*)', source))
    parts = [
        MADE,
        "# What the collector counts\n",
        "On `/metrics` of `collector.metrics_listen` (`127.0.0.1:9478`; empty means nowhere) under the names below. A gauge",
        "that was never set is not shown: nobody looked, which is not zero. The agent's page: [agent.md](agent.md).\n",
        "| meter | on /metrics | meaning |\n|---|---|---|",
        *(f"| {name} | clusterctl_collector_{name}_total | {comments[name]} |" for name in COUNTERS),
        *(f"| {name} | clusterctl_collector_{name} | {comments[name]} |" for name in GAUGES),
        "| lag | clusterctl_collector_lag_records{topic,partition} | records of a partition still unread |",
    ]
    return "\n".join(parts) + "\n"


def doctor_page() -> str:
    settings = {f"{knob.section}.{knob.name}": knob for knob in knobs()}
    parts = [
        MADE,
        "# The doctor\n",
        "`clusterctl doctor` looks at the whole pipeline and says what to do about each finding. It writes nothing, joins",
        "no group and sends no record. Each check has a thread and a deadline (`doctor.deadline_s`) of its own.\n",
        "States, the gravest first: **fail** (data is lost, late or wrong, or soon will be), **warn** (unusual; data flows),",
        "**unknown** (could not be told, which is not ok), **ok**. Exit code 1 when anything warns or fails, 2 when nothing",
        "does but something is unknown, 0 when all is ok. A check without a subject, such as one of Kafka with the local",
        "bus, is left out with a word.\n",
        "## Checks\n",
        "| check | asks | judged by | left out with |\n|---|---|---|---|",
    ]
    for check in CHECKS:
        limits = ", ".join(f"`{name}` = {_toml(settings[name].default)}" for name in check.knobs)
        parts.append(f"| {check.name} | {check.doc} | {limits} | {ABSENT.get(check.left_out, '')} |")
    parts += ["", *DOCTOR_JSON]
    return "\n".join(parts) + "\n"


ABSENT: dict[object, str] = {
    on_kafka: "the local bus",
    on_server: "the embedded store",
    on_local_bus: "Kafka",
    no_agent: "no agent here",
}
DOCTOR_JSON = (
    "## JSON\n",
    "`clusterctl doctor --format json` prints one object:\n",
    "| key | meaning |\n|---|---|",
    f"| version | {JSON_VERSION}; a greater one may have changed or removed keys, new keys alone do not raise it |",
    "| state | the gravest state of all findings |",
    "| findings | a list in the order of the table above, each with `check`, `subject`, `state`, `seen` and `do` |",
    "| findings[].subject | what it is about: a topic, a table, a host; `-` when the check as a whole could not run |",
    "| findings[].seen | what was seen, with its numbers; for people, not for parsing |",
    "| findings[].do | what to do next, a command where there is one; empty when the state is ok |",
    "| left_out | a list of `check` and `why` |",
)


def kinds_page() -> str:
    rows = [*NVIDIA_KINDS, *((r.kind, code, grade, r.needle) for r in RULES for code, grade in r.outcomes.values())]
    lines = [f"| {kind} | {code or '-'} | {grade} | `{needle.strip()}` |" for kind, code, grade, needle in rows]
    parts = [
        MADE,
        "# Kinds of kernel lines\n",
        "In the order in which the rules are tried; one applies if its literal is in the line and its pattern matches.",
        "What codes, severities and details mean: [kernel-log.md](kernel-log.md).\n",
        "| kind | code | severity | literal |\n|---|---|---|---|",
        *dict.fromkeys(lines),
    ]
    return "\n".join(parts) + "\n"


NVIDIA_KINDS = (
    ("xid", "the Xid number", "fail", "Xid ("),
    ("sxid", "the SXid number", "fail if the line says Fatal, else warn", "SXid ("),
    ("sxid_detail", "the SXid number", "info; not an event", "SXid ("),
    ("gpu_off_bus", "79", "fail", "fallen off the bus"),
    ("gpu_uuid", "", "info; once a boot", "NVRM: GPU at "),
    ("gpu_serial", "", "info; once a boot", "GPU Board Serial Number"),
    ("gsp_rate_limit", "", "info", "Rate limiting GSP RPC"),
)
EVERY = {0: "tick", 1: "10 s", 2: "60 s"}


def gpu_readings_page() -> str:
    parts = [
        MADE,
        "# What is asked of a GPU\n",
        "Fields go out in one `nvmlDeviceGetFieldValues` a GPU and tier; what a GPU or driver does not have is asked a few",
        "times and then no more, and is missing in its column. A field slower than 2 ms moves to 10 s, one slower",
        "than 20 ms to 60 s; `agent` events with code `tier_moved` say which. Numbers above 250 mean other things in other",
        "drivers: the table below holds, not the Python package's constants.\n",
        "## Fields\n",
        "| table | column | every | NVML field, by driver |\n|---|---|---|---|",
    ]
    for spec in (*GPU_FIELDS, LINK_STATE, *LINK_FIELDS):
        ids = "; ".join(_field_id(item) for item in spec.ids)
        parts.append(f"| {spec.table} | {spec.column} | {EVERY[spec.tier]} | {ids} |")
    parts.append("\n## Calls\n\n| what | into | every |\n|---|---|---|")
    parts += [f"| {spec.symbols[0]} | {SAMPLE}: {', '.join(out[0] for out in spec.outs)} | tick |" for spec in SPECS]
    parts += [f"| {call.name.replace('_', ' ')} | {HEALTH} | {EVERY[Tier.SLOW]} |" for call in CALLS]
    parts.append("\n## GPM, Hopper and later, between two ticks\n\n| metric | column |\n|---|---|")
    parts += [f"| {number} | {column} |" for number, column, _ in METRICS]
    return "\n".join(parts) + "\n"


def _field_id(item: FieldId) -> str:
    since = f"from {item.since[0]}" if item.since else ""
    until = f"before {item.until[0]}" if item.until[0] < 10_000 else ""
    return " ".join(part for part in (str(item.number), since, until) if part)


PAGES = {
    DOCS / "gpu-readings.md": gpu_readings_page,
    DOCS / "kernel-log-kinds.md": kinds_page,
    DOCS / "schema.md": schema_page,
    DOCS / "configuration.md": configuration_page,
    DOCS / "commands.md": commands_page,
    DOCS / "meters.md": meters_page,
    DOCS / "doctor.md": doctor_page,
    DOCS / "report.md": lambda: MADE + fields_page(),
    DOCS / "report.schema.json": schema_text,
    EXAMPLE: example_file,
    READER_SQL: reader_sql,
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
