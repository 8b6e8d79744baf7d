"""Where the rows come from, and what each source says of a code."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from clusterctl.catalog.code import Code


@dataclass(frozen=True, slots=True)
class Source:
    """One row of sources.csv."""

    source: str
    names: str
    """How opinions and disagreements call it."""
    what: str
    date: str
    """ISO date, as exact as it is known; empty where it is not."""
    date_is: str
    """published, commit or unknown."""


@cache
def sources() -> dict[str, Source]:
    """Every source by its name."""
    file = resources.files("clusterctl.catalog") / "sources.csv"
    rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return {row["source"]: Source(**row) for row in rows}


def opinions(row: Code) -> dict[str, str]:
    """What each tool makes of the code, in its own words: `gpud` -> `Fatal:RebootSystem`."""
    return dict(part.split("=", 1) for part in row.opinions.split("|") if part)


def disagreements(row: Code) -> list[tuple[str, str]]:
    """Source and what it says, where sources differ; one entry a source."""
    said: dict[str, list[str]] = {}
    for part in row.disagreements.split("; "):
        source, _, says = part.partition(": ")
        if says:
            said.setdefault(source, []).append(says)
    return [(source, "; ".join(says)) for source, says in said.items()]


def dated(row: Code) -> Iterable[tuple[str, str, str]]:
    """The row's sources: name, what it is, and its date."""
    for name in row.sources.split("|"):
        source = sources()[name]
        yield name, source.what, source.date or "undated"
