"""Devices of one node that are slow together are one finding: the node. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from clusterctl.analytics.slow.detect import Found, Unit

LEAST = 2


def by_node(found: Sequence[Found], units: Sequence[Unit]) -> list[Found]:
    """Findings of one group, with those of a node as one where more than half of its devices, and at least two, were slow at
    the same time. Its subject is the node, the devices are its members."""
    compared = Counter(host for host, _ in units)
    by_host: Mapping[str, list[Found]] = defaultdict(list)
    for one in found:
        by_host[one.unit[0]].append(one)
    told: list[Found] = []
    for host, same in by_host.items():
        for together in _overlapping(same):
            devices = {one.unit[1] for one in together}
            of_node = len(devices) >= LEAST and 2 * len(devices) > compared[host]
            told += [_node(host, together)] if of_node else together
    return sorted(told, key=lambda one: (one.unit, one.first))


def _overlapping(found: Sequence[Found]) -> list[list[Found]]:
    """Findings whose times touch, directly or by way of others."""
    sets: list[list[Found]] = []
    until = -1
    for one in sorted(found, key=lambda one: (one.first, one.unit)):
        if one.first >= until:
            sets.append([])
        sets[-1].append(one)
        until = max(until, one.last)
    return sets


def _node(host: str, together: Sequence[Found]) -> Found:
    strongest = max(together, key=lambda one: one.confidence)
    return replace(
        strongest,
        unit=(host, host),
        first=int(median(one.first for one in together)),
        last=max(one.last for one in together),
        lasting=any(one.lasting for one in together),
        ratio=median(one.ratio for one in together),
        value=median(one.value for one in together),
        peers_value=median(one.peers_value for one in together),
        members=tuple(sorted({one.unit[1] for one in together})),
    )
