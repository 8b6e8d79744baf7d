"""The promise, as arithmetic on what was read back: every row of every message exactly once, every bad message a dead letter.

Pure functions: tests/unit/test_chaos_invariant.py takes a row away, doubles one, and expects to be told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN = 5

Place = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, as a message on a topic has it or as a table has it. `values` are all columns that a sender gives."""

    table: str
    key: tuple[Any, ...]
    place: tuple[int, int]
    """Partition and offset; the table decides the topic."""
    values: tuple[Any, ...]


@dataclass
class Findings:
    """What is wrong, in numbers and in words."""

    lost: int = 0
    twice: int = 0
    words: list[str] = field(default_factory=list)

    def add(self, what: str, examples: Sequence[Any]) -> int:
        """Note so many of a kind, with a few of them."""
        if examples:
            shown = "; ".join(str(example)[:300] for example in examples[:SHOWN])
            self.words.append(f"{len(examples)} {what}: {shown}")
        return len(examples)


def check_rows(sent: Iterable[Row], stored: Iterable[Row], found: Findings) -> None:
    """`sent` are the rows of all good messages on the topics, `stored` all rows of the tables before any merge.

    A message that its sender repeated lies on the topic twice under one natural key: then either of the two is enough, and
    each place still counts once."""
    want: dict[tuple[str, Any], dict[tuple[int, int], Any]] = defaultdict(dict)
    for row in sent:
        want[row.table, row.key][row.place] = row.values
    counts: Counter[tuple[str, Any, tuple[int, int]]] = Counter()
    foreign, wrong = [], []
    for row in stored:
        known = want.get((row.table, row.key), {})
        if row.place not in known:
            foreign.append((row.table, row.key, row.place))
        elif known[row.place] != row.values:
            wrong.append((row.table, row.key, _difference(known[row.place], row.values)))
        counts[row.table, row.key, row.place] += 1
    there = {(table, key) for table, key, _ in counts}
    lost = [(table, key, sorted(places)) for (table, key), places in want.items() if (table, key) not in there]
    twice = [(*row, f"{count} times") for row, count in counts.items() if count > 1]
    found.lost += found.add("rows are lost", lost)
    found.twice += found.add("rows are stored more than once", twice)
    found.add("rows are stored that no good message has", foreign)
    found.add("rows are stored with other values than were sent (column, sent, stored)", wrong)


def _difference(sent: Sequence[Any], stored: Sequence[Any]) -> list[tuple[int, Any, Any]]:
    pairs = enumerate(zip(sent, stored, strict=False))
    return [(number, a, b) for number, (a, b) in pairs if a != b][:SHOWN] or [(-1, len(sent), len(stored))]


def check_dead(wanted: set[Place], letters: Sequence[Place], found: Findings) -> None:
    """Every bad message has a dead letter, at least one; no other message has."""
    found.lost += found.add("bad messages have no dead letter", sorted(wanted - set(letters)))
    found.add("dead letters are of good messages", sorted(set(letters) - wanted))


def check_acknowledged(acknowledged: set[int], on_topics: set[int], found: Findings) -> None:
    """What the broker acknowledged is on the topics: numbers of messages."""
    found.lost += found.add("acknowledged messages are not on the topics", sorted(acknowledged - on_topics))
