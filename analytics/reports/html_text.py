"""The report as one HTML file: no script, no request, nothing that a page of the past would miss in ten years.

Every text passes `_text`, which escapes it. The page forbids itself everything but its own style (Content-Security-Policy),
so that markup that came through all the same could do nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources

from clusterctl.analytics.reports.charts import NARROW, WIDE, size_svg, trend_svg
from clusterctl.analytics.reports.charts_comm import comm_share_svg, comm_trend_svg
from clusterctl.analytics.reports.page import (
    Badge,
    Bar,
    Block,
    Card,
    Cards,
    Cell,
    ClusterPage,
    Column,
    CommSharePlot,
    CommTrendPlot,
    Facts,
    Grid,
    Note,
    Page,
    Plot,
    Section,
    SizePlot,
    Span,
    TrendPlot,
)
from clusterctl.analytics.reports.words import Words
from clusterctl.terminal import cells

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
UNBROKEN = 20
LANG_TAGS = {"zh": "zh-Hans"}


def to_html(page: Page, w: Words) -> str:
    """The whole file."""
    style = (resources.files("clusterctl.analytics") / "data" / "report.css").read_text(encoding="utf-8")
    title = w(" · ").join([page.title, *(cluster.name for cluster in page.clusters[:3])])
    parts = [
        "<!doctype html>",
        f'<html lang="{LANG_TAGS.get(page.lang, page.lang)}">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{_text(title)}</title>",
        f"<style>\n{style}</style></head>",
        f'<body><a class="skip" href="#main">{_text(w("to the numbers"))}</a>',
        f"<header><h1>{_text(page.title)}</h1></header>",
        *(_among(page.clusters, w) if len(page.clusters) > 1 else ()),
        '<main id="main">',
    ]
    for index, cluster in enumerate(page.clusters):
        parts += _cluster(cluster, w, f"c{index}")
    parts.append('<div class="closing">')
    for section in page.closing:
        parts += _section(section, "end", level=2 if not page.clusters else 3)
    parts += [
        "</div></main>",
        "<footer>",
        *(f"<p>{_text(line)}</p>" for line in page.colophon),
        "</footer></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _among(clusters: Sequence[ClusterPage], w: Words) -> Iterator[str]:
    links = [
        f'<li><a href="#c{index}"><bdi>{_text(cluster.name)}</bdi></a></li>' for index, cluster in enumerate(clusters)
    ]
    yield f'<nav aria-label="{_text(w("clusters"))}"><ul>{"".join(links)}</ul></nav>'


def _cluster(cluster: ClusterPage, w: Words, prefix: str) -> Iterator[str]:
    yield f'<section class="cluster" id="{prefix}">'
    yield f'<h2><bdi>{_text(cluster.name)}</bdi></h2><p class="window">{_text(cluster.window)}</p>'
    full = [section for section in cluster.sections if not _short(section)]
    links = [f'<li><a href="#{prefix}-{section.key}">{_text(section.title)}</a></li>' for section in full]
    yield f'<nav aria-label="{_text(w("sections"))}"><ul>{"".join(links)}</ul></nav>'
    for section in cluster.sections:
        yield from _section(section, prefix, level=3)
    yield "</section>"


def _short(section: Section) -> bool:
    """Nothing but sentences: what would fill the section."""
    return section.key != "definitions" and all(isinstance(block, Note) for block in section.blocks)


def _section(section: Section, prefix: str, level: int) -> Iterator[str]:
    key = f"{prefix}-{section.key}"
    short = ' class="short"' if _short(section) else ""
    yield f'<section id="{key}" aria-labelledby="{key}-h"{short}>'
    yield f'<h{level} id="{key}-h">{_text(section.title)}</h{level}>'
    if section.key == "definitions":
        notes = [block for block in section.blocks if isinstance(block, Note)]
        yield f'<ul class="words">{"".join(f"<li>{_text(note.text)}</li>" for note in notes)}</ul>'
    else:
        for index, block in enumerate(section.blocks):
            yield from _block(block, f"{key}-{index}")
    yield "</section>"


def _block(block: Block, key: str) -> Iterator[str]:
    if isinstance(block, Cards):
        yield (
            '<div class="cards">' + "".join(_card(card, first=n == 0) for n, card in enumerate(block.cards)) + "</div>"
        )
    elif isinstance(block, Facts):
        rows = [f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in block.rows]
        yield f"<dl>{''.join(rows)}</dl>"
    elif isinstance(block, Grid):
        table = _table(block)
        yield f"<details><summary>{_text(block.caption)}</summary>{table}</details>" if block.spare else table
    elif isinstance(block, (TrendPlot, SizePlot, CommTrendPlot, CommSharePlot)):
        yield _figure(block, key)
    else:
        yield f'<p class="note {block.tone.value}">{_text(block.text)}</p>'


def _card(card: Card, *, first: bool) -> str:
    badges = "".join(_badge(badge) for badge in card.badges)
    return "".join(
        [
            f'<div class="card{" first" if first else ""}"><h4>{_text(card.name)}</h4>',
            f'<p class="value">{_text(card.value)}</p>',
            _span(card.span) if card.span else "",
            *(f"<p>{_text(note)}</p>" for note in card.notes),
            f'<div class="badges">{badges}</div>' if badges else "",
            "</div>",
        ]
    )


def _figure(plot: Plot, key: str) -> str:
    drawn = []
    for name, size in (("wide", WIDE), ("narrow", NARROW)):
        svg = _svg(plot, f"{key}-{name}-", size)
        drawn.append(svg.replace("<svg ", f'<svg class="{name}" ', 1))
    keys = "".join(f'<span class="key {kind}">{_text(text)}</span>' for kind, text in plot.legend)
    more = plot.peak if isinstance(plot, TrendPlot) else "" if isinstance(plot, SizePlot) else plot.about
    about = f"<span>{_text(more)}</span>" if more else ""
    caption = f"<figcaption><strong>{_text(plot.label)}</strong>{keys}{about}</figcaption>"
    return f"<figure>{''.join(drawn)}{caption}</figure>"


def _svg(plot: Plot, prefix: str, size: tuple[float, float]) -> str:
    if isinstance(plot, TrendPlot):
        return trend_svg(plot, prefix, size)
    if isinstance(plot, SizePlot):
        return size_svg(plot, prefix, size)
    return comm_trend_svg(plot, prefix, size) if isinstance(plot, CommTrendPlot) else comm_share_svg(plot, prefix, size)


def _table(grid: Grid) -> str:
    shown = [i for i in range(len(grid.columns)) if any(row[i] not in (None, "") for row in grid.rows)]
    head = "".join(f'<th scope="col"{_right(grid.columns[i])}>{_text(grid.columns[i].title)}</th>' for i in shown)
    body = "".join(
        f"<tr>{''.join(_cell(row[i], grid.columns[i], first=i == shown[0]) for i in shown)}</tr>" for row in grid.rows
    )
    caption = f"<caption>{_text(grid.caption)}</caption>" if grid.caption and not grid.spare else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _right(column: Column) -> str:
    return ' class="right"' if column.right else ""


def _cell(told: Cell, column: Column, *, first: bool) -> str:
    if first:
        return f'<th scope="row"{_right(column)}>{_inner(told)}</th>'
    return f'<td{_kind(told, column)} data-label="{_text(column.title)}">{_inner(told)}</td>'


def _kind(told: Cell, column: Column) -> str:
    """Classes of a cell: one without anything is not shown on a phone, short ones do not break."""
    if isinstance(told, (Bar, Span)):
        return ' class="plot"'
    names = ["none"] if told in (None, "") else ["right"] if column.right else []
    if isinstance(told, str) and 0 < cells(told) <= UNBROKEN:
        names.append("whole")
    return f' class="{" ".join(names)}"' if names else ""


def _inner(told: Cell) -> str:
    if told is None:
        return ""
    if isinstance(told, Badge):
        return _badge(told)
    if isinstance(told, Bar):
        return f'<span class="bar" aria-hidden="true"><i style="width:{_percent(told.share)}"></i></span>{_text(told.text)}'
    return _span(told) if isinstance(told, Span) else f"<span>{_text(told)}</span>"


def _badge(badge: Badge) -> str:
    return f'<span class="badge {badge.tone.value}">{_text(badge.text)}</span>'


def _span(told: Span) -> str:
    """Drawn for the eye only: its numbers stand beside it."""
    low, high = _percent(told.low / told.scale), _percent((min(told.high, told.scale) - told.low) / told.scale)
    marks = "".join(f'<u style="left:{_percent(mark / told.scale)}"></u>' for mark in told.marks)
    drawn = f'<i style="left:{low};width:{high}"></i>'
    if told.value is not None:
        drawn += f'<b style="left:{_percent(told.value / told.scale)}"></b>'
    return f'<span class="span" aria-hidden="true">{drawn}{marks}</span>'


def _percent(share: float) -> str:
    return f"{100 * min(1.0, max(0.0, share)):.2f}%"


def _text(text: str) -> str:
    return escape(text, quote=True)
