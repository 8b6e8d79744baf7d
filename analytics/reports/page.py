"""A report as a page, before it is known whether a terminal, Markdown or HTML shows it: sections of a few kinds of block.

Every text here is plain text of the reader's language, bounded and without control characters. The formats escape it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from clusterctl.analytics.reports.model_comm import CommSegment, CommShare
from clusterctl.analytics.reports.model_faults import ChangePoint, TrendPoint
from clusterctl.analytics.reports.model_times import SizeBand
from clusterctl.terminal import clean


class Tone(str, Enum):
    """How a word is meant; never the only carrier of it."""

    PLAIN = ""
    GOOD = "good"
    BAD = "bad"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Badge:
    """A short judgement."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Bar:
    """A length between nothing and the widest of its column, with its number."""

    share: float
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """An interval on a scale from zero, with its point unless it is bounds only; `marks` are values to compare with. Its
    numbers stand in other columns."""

    low: float
    value: float | None
    high: float
    scale: float
    marks: tuple[float, ...] = ()


Cell = str | Badge | Bar | Span | None


@dataclass(frozen=True, slots=True)
class Column:
    """`keep`: where the page is too narrow the column with the smallest goes first; ESSENTIAL ones never go. `wrap`: takes
    more lines rather than being cut, since a rate that is cut has lost what it stands on. `cut`: a name, which may lose its
    end."""

    title: str
    right: bool = False
    keep: int = 5
    wrap: bool = False
    cut: bool = False


ESSENTIAL = 9


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `spare` may be left out where a page is for reading, since the numbers are in a plot above."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Card:
    """One number that everybody asks for, with what it stands on."""

    name: str
    value: str
    notes: Sequence[str] = ()
    badges: Sequence[Badge] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Cards:
    """The numbers at the top."""

    cards: Sequence[Card]


@dataclass(frozen=True, slots=True)
class TrendPlot:
    """The rate by step, with its interval. `label` says in a sentence what is seen; `peak` gives the highest step with its
    numbers."""

    points: Sequence[TrendPoint]
    change_points: Sequence[ChangePoint]
    targets: Sequence[float]
    label: str
    peak: str
    legend: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class SizePlot:
    """Time to failure by size of job, measured and by the model."""

    bands: Sequence[SizeBand]
    label: str
    legend: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CommTrendPlot:
    """Exposed communication of a job over its time, broken where points may not be compared. `about` says what it is of."""

    segments: Sequence[CommSegment]
    lines: Sequence[float]
    label: str
    about: str
    legend: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CommSharePlot:
    """GPU-hours of jobs with an exposed share of at most so much: surely, and possibly."""

    shares: Sequence[CommShare]
    lines: Sequence[float]
    label: str
    about: str
    legend: Sequence[tuple[str, str]]


Plot = TrendPlot | SizePlot | CommTrendPlot | CommSharePlot
Block = Grid | Facts | Note | Cards | Plot


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what is under it. `key` is the same in every language."""

    key: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """One cluster."""

    name: str
    window: str
    sections: Sequence[Section]


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report."""

    lang: str
    title: str
    clusters: Sequence[ClusterPage]
    closing: Sequence[Section]
    colophon: Sequence[str] = field(default_factory=tuple)


def name_cell(text: str, limit: int = 60) -> str:
    """A name from the cluster, alone in its cell."""
    return clean(text, limit)
