"""A site's own judgement of codes: a TOML file of `[[xid]]` and `[[sxid]]` entries, each with its reason."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clusterctl.catalog.code import CAUSES, KPI_VALUES, USER_VALUES, Code
from clusterctl.catalog.driver import covers, overlap, parsed
from clusterctl.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_BYTES = 1_048_576
MAX_TEXT = 400
JUDGED = ("cause_class", "hw_fault_kpi", "second_sign", "user_caused", "recommended_action")
"""Columns that are judgement; the others are facts of a source and stay."""
RANGE = ("driver_from", "driver_until")
_CHOICES = {"hw_fault_kpi": KPI_VALUES, "user_caused": USER_VALUES}

Rows = Mapping[tuple[str, str], tuple[Code, ...]]


@dataclass(frozen=True, slots=True)
class Override:
    """One entry: for these drivers the site judges so, because."""

    kind: str
    code: str
    driver_from: str
    driver_until: str
    reason: str
    changes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Overrides:
    """All entries of a file."""

    entries: dict[tuple[str, str], tuple[Override, ...]] = field(default_factory=dict)
    digest: str = ""

    def applied(self, row: Code, driver_version: str) -> Code:
        """The row as the site judges it for a driver; the row itself where it says nothing."""
        for entry in self.entries.get((row.kind, row.code), ()):
            if covers(entry.driver_from, entry.driver_until, driver_version):
                changes: dict[str, Any] = dict(entry.changes)
                return replace(row, **changes, site_reason=entry.reason)
        return row

    @staticmethod
    def read(path: str, known: Rows) -> Overrides:
        """The overrides of a file. Raises ConfigError naming file and key."""
        raw = _bytes(path)
        try:
            content = tomllib.loads(raw.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ConfigError(f"{path}: {error}") from error
        found: dict[tuple[str, str], tuple[Override, ...]] = {}
        for kind, entries in content.items():
            for entry in _entries(path, kind, entries, known):
                earlier = found.get((kind, entry.code), ())
                _require_apart(path, entry, earlier)
                found[kind, entry.code] = (*earlier, entry)
        return Overrides(found, hashlib.sha256(raw).hexdigest()[:8])


def _bytes(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}", hint="analytics.catalog_overrides names this file; empty means none"
        ) from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes")
    return raw


def _entries(path: str, kind: str, entries: object, known: Rows) -> Iterable[Override]:
    if kind not in ("xid", "sxid"):
        raise ConfigError(f"{path}: unknown key {kind!r}, expected [[xid]] or [[sxid]]")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path}: {kind} is a list of entries, written [[{kind}]]")
    for number, entry in enumerate(entries, 1):
        yield _entry(f"{path}: {kind}[{number}]", kind, entry, known)


def _entry(where: str, kind: str, entry: dict[str, Any], known: Rows) -> Override:
    for key in entry:
        if key not in ("code", "reason", *RANGE, *JUDGED):
            raise ConfigError(f"{where}.{key}: unknown column, expected one of {', '.join((*RANGE, *JUDGED))}")
    code = str(entry.get("code", ""))
    if (kind, code) not in known:
        raise ConfigError(f"{where}.code: the catalogue has no {kind} {code[:40]!r}")
    text = {key: _text(f"{where}.{key}", value) for key, value in entry.items() if key != "code"}
    if "reason" not in text:
        raise ConfigError(f"{where}.reason: missing; say why the site judges otherwise")
    changes = tuple((key, _judged(f"{where}.{key}", key, text[key], kind)) for key in JUDGED if key in text)
    if not changes:
        raise ConfigError(f"{where}: changes nothing, expected at least one of {', '.join(JUDGED)}")
    for key in RANGE:
        if key in text and parsed(text[key]) is None:
            raise ConfigError(f"{where}.{key}: expected a driver version, got {text[key]!r}")
    return Override(kind, code, text.get("driver_from", ""), text.get("driver_until", ""), text["reason"], changes)


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise ConfigError(f"{where}: expected a text of 1 to {MAX_TEXT} characters, got {str(value)[:40]!r}")
    return value.strip()


def _judged(where: str, column: str, value: str, kind: str) -> str:
    choices = _CHOICES.get(column)
    if column == "hw_fault_kpi" and kind == "xid":
        choices = tuple(choice for choice in KPI_VALUES if choice != "if_line_says_fatal")
    if choices and value not in choices:
        raise ConfigError(f"{where}: expected one of {', '.join(choices)}, got {value!r}")
    if column == "cause_class" and not set(value.split("|")) <= set(CAUSES):
        raise ConfigError(f"{where}: expected classes of {', '.join(CAUSES)} joined by |, got {value!r}")
    return value


def _require_apart(path: str, entry: Override, earlier: Iterable[Override]) -> None:
    for other in earlier:
        if overlap((entry.driver_from, entry.driver_until), (other.driver_from, other.driver_until)):
            raise ConfigError(f"{path}: {entry.kind} {entry.code}: two entries for the same drivers")
