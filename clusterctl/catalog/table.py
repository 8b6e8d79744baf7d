"""The catalogue as a table: read once, found by kind, code and driver. `xid.csv` is the data, in our own words."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from clusterctl.catalog.code import Code
from clusterctl.catalog.driver import parsed
from clusterctl.catalog.nvlink5 import Pattern, SubCode, decode
from clusterctl.catalog.overrides import Overrides

DATED = "2026-11-24"
"""When the shipped rows were last judged."""
FOLDER = resources.files("clusterctl.catalog")

Key = tuple[str, str]


@dataclass(frozen=True)
class Catalogue:
    """The shipped rows with a site's overrides on top."""

    rows: dict[Key, tuple[Code, ...]]
    """Rows of a kind and code, oldest driver range first."""
    patterns: dict[str, tuple[Pattern, ...]]
    """How the words of Xid 144 to 150 are read, by code."""
    version: str
    """Date and content hash, the overrides' hash too; kept with every incident that it judged."""
    overrides: Overrides

    def as_shipped(self, kind: str, code: str, driver_version: str = "") -> Code | None:
        """The row as it ships. For a driver outside every range the nearest newer one, since a fix or code is often
        carried back to an older branch; for an unknown driver the newest."""
        found = self.rows.get((kind, code))
        if not found:
            return None
        covering = [row for row in found if row.covers(driver_version)]
        if covering:
            return covering[-1]
        driver = parsed(driver_version)
        newer = [row for row in found if driver and (parsed(row.driver_from) or ()) > driver]
        return newer[0] if newer else found[-1]

    def lookup(self, kind: str, code: str, driver_version: str = "") -> Code | None:
        """What a code means to a driver, as this site judges it; None where the catalogue has no such code."""
        row = self.as_shipped(kind, code, driver_version)
        return self.overrides.applied(row, driver_version) if row else None

    def decode_nvlink5(
        self, code: str, words: Sequence[str], unit: str = "", severity_word: str = "", driver_version: str = ""
    ) -> SubCode | None:
        """What the words of an Xid 144 to 150 line say; None where no pattern fits or they are not hexadecimal."""
        return decode(self.patterns.get(code, ()), words, unit, severity_word, driver_version)

    def codes(self) -> Iterable[Code]:
        """Every Xid and SXid row, in the order of the file."""
        return (row for rows in self.rows.values() for row in rows)


@cache
def _content() -> tuple[dict[Key, tuple[Code, ...]], dict[str, tuple[Pattern, ...]], str]:
    raw = (FOLDER / "xid.csv").read_bytes()
    codes: dict[Key, list[Code]] = {}
    patterns: dict[str, list[Pattern]] = {}
    for cells in csv.DictReader(raw.decode().splitlines()):
        row = Code(**cells)
        if row.kind == "xid_nvlink5":
            patterns.setdefault(row.code, []).append(Pattern.of(row))
        else:
            codes.setdefault((row.kind, row.code), []).append(row)
    return (
        {key: tuple(sorted(rows, key=lambda row: parsed(row.driver_from) or ())) for key, rows in codes.items()},
        {code: tuple(found) for code, found in patterns.items()},
        f"{DATED}.{hashlib.sha256(raw).hexdigest()[:8]}",
    )


def load(overrides_path: str = "") -> Catalogue:
    """The catalogue of a site; an empty path means as shipped. Raises ConfigError naming file and key."""
    rows, patterns, version = _content()
    overrides = Overrides.read(overrides_path, rows) if overrides_path else Overrides()
    return Catalogue(rows, patterns, version + (f"+site.{overrides.digest}" if overrides_path else ""), overrides)


@cache
def shipped() -> Catalogue:
    """The catalogue without a site's word."""
    return load()
