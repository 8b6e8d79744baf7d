"""Everything that can open or join an incident, on one time line."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from clusterctl.analytics.incidents.episodes import Episode
from clusterctl.analytics.incidents.evidence import Gap, Rules
from clusterctl.analytics.incidents.service import Out
from clusterctl.catalog import Catalogue, Fields, Weight, fields_in, weight_of

LINK_KINDS = frozenset({"ib_link", "eth_link"})
TIMEOUT_KINDS = frozenset({"collective_timeout", "collective_abort", "peer_reset"})
SYMPTOM_CODES = frozenset({"43", "45"})
"""Xids that the other nodes of a job show when one of them has died."""


class Part(enum.IntEnum):
    """What an item may do, the weightier the greater."""

    JOINS = 0
    """Joins what is open, and opens nothing."""
    SYMPTOM = 1
    """Opens an incident, but goes to whoever else ended the job."""
    OPENS = 2
    """Opens an incident, and ends no job."""
    BLAMES = 3
    """Opens an incident, and a job end beside it is its doing."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on the time line of a node, or of the fabric element that it names."""

    at_ms: int
    last_ms: int
    node: str
    element: str
    part: Part
    symptom: bool
    """Goes to the job end beside it, wherever that is rooted."""
    weight: Weight = Weight.NONE
    fields: Fields | None = None
    episode: Episode | None = None
    out: Out | None = None
    gap: Gap | None = None

    @property
    def order(self) -> tuple[int, str, str, str, str]:
        """A total order that does not depend on arrival."""
        said = self.episode
        return (
            self.at_ms,
            self.node,
            said.device if said else "",
            f"{said.kind} {said.code}" if said else "out" if self.out else "gap",
            said.text if said else "",
        )


def weigh(episode: Episode, catalogue: Catalogue) -> tuple[Weight, Fields]:
    """An episode's weight and the fields that gave it; where words decide, its weightiest line speaks."""
    if episode.kind in LINK_KINDS:
        return Weight.DEGRADATION, {}
    if episode.kind in TIMEOUT_KINDS:
        return Weight.NONE, {}

    def weight(fields: Fields) -> Weight:
        return weight_of(episode.kind, episode.code, episode.severity, episode.driver_version, fields, catalogue)

    return max(
        ((weight(fields), fields) for fields in map(fields_in, episode.lines or ("",))), key=lambda pair: pair[0]
    )


def items_of(found: Iterable[Episode], outs: Iterable[Out], gaps: Iterable[Gap], rules: Rules) -> list[Item]:
    """All items, in their order. What was announced is none, nor is a silence while a node was out of service."""
    away = list(outs)
    told = [_of_episode(episode, rules.catalogue) for episode in found]
    told += [_of_out(out) for out in away if not out.planned]
    told += [_of_gap(gap) for gap in _unexplained(gaps, away)]
    return sorted(told, key=lambda item: item.order)


def _of_episode(episode: Episode, catalogue: Catalogue) -> Item:
    weight, fields = weigh(episode, catalogue)
    symptom = (
        weight is Weight.USER
        or episode.kind in TIMEOUT_KINDS
        or (episode.kind == "xid" and episode.code in SYMPTOM_CODES)
    )
    if episode.kind in LINK_KINDS:
        # a port of an ordinary network goes down for many reasons: it speaks beside a job end, or of its switch
        part = Part.BLAMES if episode.element or episode.kind == "ib_link" else Part.JOINS
    elif weight >= Weight.CONDITIONAL:
        part = Part.BLAMES
    elif weight is Weight.DEGRADATION:
        part = Part.OPENS
    else:
        part = Part.SYMPTOM if weight is Weight.USER or episode.kind in TIMEOUT_KINDS else Part.JOINS
    return Item(
        episode.first_ms, episode.last_ms, episode.node, episode.element, part, symptom, weight, fields, episode=episode
    )


def _of_out(out: Out) -> Item:
    return Item(out.at_ms, out.at_ms, out.node, "", Part.BLAMES, symptom=False, out=out)


def _of_gap(gap: Gap) -> Item:
    """A silence lasts until the node speaks: while it does, its incident is open."""
    return Item(gap.first_ms, gap.last_ms, gap.node, "", Part.BLAMES, symptom=False, gap=gap)


def _unexplained(gaps: Iterable[Gap], outs: Iterable[Out]) -> Iterator[Gap]:
    """Silences that began while nobody had taken the node out."""
    away: dict[str, list[Out]] = {}
    for out in outs:
        away.setdefault(out.node, []).append(out)
    for gap in set(gaps):
        if not any(_covers(out, gap.first_ms) for out in away.get(gap.node, ())):
            yield gap


def _covers(out: Out, at_ms: int) -> bool:
    return out.at_ms <= at_ms and (out.back_ms is None or at_ms < out.back_ms)
