"""The contract of `clusterctl report --format json`, made from the dataclasses: a JSON schema, and a page for people.

What is said of a key stands under its attribute in the source, or else in data/report_keys.toml; never in both.
"""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from typing import Any, get_args, get_type_hints

import msgspec

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.json_text import PYTHON_NAMES
from clusterctl.analytics.reports.words import data_file

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MISSING_VALUE = {"properties": {"value": {"type": "null"}}}
NUMBERS = ("low", "high", "count", "gpu_days")
WHOLE_RATE = {"properties": {name: {"type": "number"} for name in NUMBERS}}
"""A rate never travels without count, exposure and interval."""


def json_schema() -> dict[str, Any]:
    """The schema. Unknown keys are refused: a new one raises no version, but is in the schema of its release."""
    made = msgspec.json.schema(model.Report)
    found: dict[str, Any] = made["$defs"]
    definitions = {name: _object(name, told) for name, told in sorted(found.items())}
    definitions["Report"]["properties"]["report_version"]["const"] = model.REPORT_VERSION
    definitions["Rate"]["anyOf"] = [MISSING_VALUE, WHOLE_RATE]
    title = f"clusterctl report, version {model.REPORT_VERSION}"
    return {"$schema": DIALECT, "title": title, "$ref": "#/$defs/Report", "$defs": definitions}


def schema_text() -> str:
    """docs/report.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _object(name: str, told: dict[str, Any]) -> dict[str, Any]:
    """One dataclass: keys as they are in the JSON, each with what is said of it, none left out and none added."""
    properties = {}
    for key, value in told["properties"].items():
        public = PYTHON_NAMES.get(key, key)
        kept = {part: inner for part, inner in value.items() if part != "default"}
        meaning = meaning_of(name, key, public, refers=bool(_parts(value)))
        properties[public] = {**kept, **({"description": meaning} if meaning else {})}
    made = {"type": "object", "description": told.get("description", ""), "properties": properties}
    return {**made, "required": list(properties), "additionalProperties": False}


def meaning_of(name: str, attribute: str, key: str, *, refers: bool) -> str:
    """What the docs say of a key; empty where nobody said it. One that refers to a class of its own need not."""
    under = attribute_words().get(name, {}).get(attribute)
    if under:
        return under
    told = data_file("report_keys.toml")
    return told.get(name, {}).get(key) or ("" if refers else told["any"].get(key, ""))


@cache
def attribute_words() -> dict[str, dict[str, str]]:
    """Of each dataclass of the report, what stands as a string under its attributes."""
    found: dict[str, dict[str, str]] = {}
    for source in sorted({told.__module__ for told in _classes(model.Report)}):
        for node in ast.parse(inspect.getsource(import_module(source))).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, {}).update(_under_attributes(node))
    return found


def _classes(told: type) -> set[type]:
    """A dataclass and all that its attributes hold."""
    found = {told}
    for hint in get_type_hints(told).values():
        for part in _within(hint):
            if is_dataclass(part) and isinstance(part, type) and part not in found:
                found |= _classes(part)
    return found


def _within(hint: object) -> list[object]:
    """A type with what stands in its brackets and beside its bars."""
    return [hint, *(inner for part in get_args(hint) for inner in _within(part))]


def _under_attributes(node: ast.ClassDef) -> dict[str, str]:
    words = {}
    for entry, under in zip(node.body, node.body[1:], strict=False):
        said = under.value if isinstance(under, ast.Expr) else None
        if isinstance(entry, ast.AnnAssign) and isinstance(entry.target, ast.Name) and isinstance(said, ast.Constant):
            words[entry.target.id] = " ".join(str(said.value).split())
    return words


INTRO = f"""# The report as data

`clusterctl report --format json` prints one object, version {model.REPORT_VERSION}; its schema is
[report.schema.json](report.schema.json). Every other format is a view of it. How each number is counted: [kpi.md](kpi.md).

- Numbers are not rounded. `null` is unknown, which is not zero. Times are UTC, ISO 8601. Rates are per 1000 GPU-days.
- A rate carries its interval, count, exposure and basis; where there is no exposure, `value` is `null`.
- A share of communication carries its 90 % interval, grade, source, window and ranks; grades C and D have no `value`.
  How to read that section: [kpi.md](kpi.md#communication).
- `report_version` rises when a key goes or changes its meaning. A new key alone does not raise it.
- The same data, window and version of clusterctl give the same bytes: `generated_at` is empty unless `--stamp` is given.
- Texts are for people and may change; classes, states and verdicts are closed lists.
"""


def fields_page() -> str:
    """docs/report.md, less its first line."""
    definitions = json_schema()["$defs"]
    order = [name for name in _reading_order(definitions)]
    parts = [INTRO]
    for name in order:
        told = definitions[name]
        parts.append(f"## {name}\n\n{told['description']}\n\n| key | type | meaning |\n|---|---|---|")
        parts += [
            f"| {key} | {_type(value)} | {value.get('description', '')} |" for key, value in told["properties"].items()
        ]
        parts.append("")
    return "\n".join(parts)


def _reading_order(definitions: dict[str, Any]) -> list[str]:
    """From the whole to its parts, each once."""
    order, waiting = [], ["Report"]
    while waiting:
        name = waiting.pop(0)
        if name not in order:
            order.append(name)
            waiting += [part for part in _parts(definitions[name]["properties"]) if part not in order]
    return order


def _parts(told: object) -> list[str]:
    if isinstance(told, dict):
        own = [told["$ref"].rpartition("/")[2]] if "$ref" in told else []
        return own + [part for value in told.values() for part in _parts(value)]
    return [part for value in told for part in _parts(value)] if isinstance(told, list) else []


def _type(told: dict[str, Any]) -> str:
    if "$ref" in told:
        name = told["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in told:
        return str(told["const"])
    if "anyOf" in told:
        return " or ".join(_type(entry) for entry in told["anyOf"])
    if told.get("type") == "array":
        return f"list of {_type(told['items'])}"
    if told.get("type") == "object":
        return f"object of {_type(told['additionalProperties'])}"
    return str(told.get("type", "any"))
