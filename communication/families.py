"""Which kernels communicate, by name: the table of kernels.csv, in its order, and a site's own rules before it."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from clusterctl.communication.activity import Kind
from clusterctl.errors import InputError

COLUMNS = ["class", "family", "pattern", "source"]
CLASSES = {
    "comm": Kind.COMM,
    "comm_local": Kind.LOCAL,
    "fused": Kind.FUSED,
    "memory": Kind.MEMORY,
    "compute": Kind.COMPUTE,
}
MAX_NAME = 2_000
"""Characters of a name that are looked at."""
MAX_SITE_BYTES = 1 << 20
PEER_COPY = re.compile(r"^memcpy (ptop|peer)", re.IGNORECASE)
COPIES = "copies and sets"
PEER = "peer copy"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table."""

    kind: Kind
    family: str
    pattern: re.Pattern[str]
    source: str


@dataclass(frozen=True, slots=True)
class Placed:
    """What a name is; `family` is empty where no rule knows it and compute is only assumed."""

    kind: Kind
    family: str


@dataclass(frozen=True)
class KernelTable:
    """Rules in order; the first that is found in a name wins."""

    version: str
    rules: tuple[Rule, ...]

    def place(self, name: str) -> Placed:
        """Class and family of a kernel."""
        looked_at = name[:MAX_NAME]
        for rule in self.rules:
            if rule.pattern.search(looked_at):
                return Placed(rule.kind, rule.family)
        return Placed(Kind.COMPUTE, "")


def place_copy(name: str) -> Placed:
    """Class of a copy or set: one from GPU to GPU is communication."""
    return Placed(Kind.COMM, PEER) if PEER_COPY.match(name) else Placed(Kind.MEMORY, COPIES)


@cache
def shipped() -> KernelTable:
    """The table of this version."""
    text = (files("clusterctl.communication") / "kernels.csv").read_text(encoding="utf-8")
    return KernelTable(_fingerprint(text), tuple(_rules(text.splitlines(), "kernels.csv")))


def load(site: Path | None) -> KernelTable:
    """The shipped table, with a site's rules before its own. Raises InputError."""
    if site is None:
        return shipped()
    try:
        with site.open("rb") as file:
            data = file.read(MAX_SITE_BYTES + 1)
        if len(data) > MAX_SITE_BYTES:
            raise InputError(f"{site}: larger than a table of kernels can be")
        text = data.decode("utf-8")
    except OSError as error:
        raise InputError(f"{site}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{site}: byte {error.start}: not UTF-8") from error
    base = shipped()
    return KernelTable(
        f"{base.version}+site:{_fingerprint(text)}", (*_rules(text.splitlines(), str(site)), *base.rules)
    )


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _rules(lines: Iterable[str], name: str) -> list[Rule]:
    reader = csv.DictReader(lines)
    if reader.fieldnames != COLUMNS:
        raise InputError(f"{name}: line 1: expected the columns {', '.join(COLUMNS)}")
    return [_rule(row, f"{name}: line {reader.line_num}") for row in reader]


def _rule(row: dict[str, str | None], where: str) -> Rule:
    kind = CLASSES.get(row["class"] or "")
    if kind is None:
        raise InputError(f"{where}: class is one of {', '.join(CLASSES)}")
    if not row["family"] or not row["pattern"]:
        raise InputError(f"{where}: a rule has a family and a pattern")
    try:
        pattern = re.compile(row["pattern"], re.IGNORECASE)
    except re.error as error:
        raise InputError(f"{where}: not a regular expression: {error}") from error
    return Rule(kind, row["family"], pattern, row["source"] or "")
