"""Wait and transfer: the same collective on several ranks, and how much of each rank's time was waiting for a peer.

The transfer is the shortest duration over the ranks, since the rank that came last waited for nobody; no clocks are
compared. In time the wait is the head of a rank's kernel and the transfer its tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clusterctl.communication.activity import Activity, Kind
from clusterctl.communication.collectives import shape_of
from clusterctl.communication.intervals import Times
from clusterctl.communication.lanes import Lane, lanes_of


@dataclass
class RankSplit:
    """Beside a rank's events: the transfer of each, -1 where its peers were not found."""

    transfer: Times
    exact: NDArray[np.bool_]
    """All ranks of an even collective were seen; elsewhere the transfer is a bound only."""

    @property
    def any_matched(self) -> bool:
        """Whether a peer was found for anything."""
        return bool((self.transfer >= 0).any())


@dataclass
class Split:
    """The split over all ranks, with how it was made."""

    ranks: list[RankSplit]
    caused: Times
    """Nanoseconds that others waited for each rank, in even collectives."""
    matched_ns: int = 0
    waited_ns: int = 0
    calls: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("complete", "partial", "bound", "unmatched"), 0)
    )
    methods: set[str] = field(default_factory=set)


def split(ranks: Sequence[Activity]) -> Split:
    """Match the collectives of these ranks, each of them another rank of one job."""
    made = Split([_unknown(one) for one in ranks], np.zeros(len(ranks), dtype=np.int64))
    if len(ranks) > 1:
        for lane in lanes_of(ranks):
            _match(lane, ranks, made)
    for one, parts in zip(ranks, made.ranks, strict=True):
        made.calls["unmatched"] += int((one.where(Kind.COMM) & (parts.transfer < 0)).sum())
    return made


def _unknown(one: Activity) -> RankSplit:
    return RankSplit(np.full(one.starts.size, -1, dtype=np.int64), np.zeros(one.starts.size, dtype=bool))


def _match(lane: Lane, ranks: Sequence[Activity], made: Split) -> None:
    rank = np.concatenate([np.full(events.size, number) for number, events, _ in lane.members])
    event = np.concatenate([events for _, events, _ in lane.members])
    ordinal = np.concatenate([ordinals for _, _, ordinals in lane.members])
    length = np.concatenate([ranks[n].ends[events] - ranks[n].starts[events] for n, events, _ in lane.members])
    order = np.lexsort((rank, length, ordinal))
    rank, event, ordinal, length = rank[order], event[order], ordinal[order], length[order]
    first = np.flatnonzero(np.append(True, ordinal[1:] != ordinal[:-1]))
    seen = np.diff(np.append(first, ordinal.size))
    transfer, alone = np.repeat(length[first], seen), np.repeat(seen < 2, seen)
    even = shape_of(lane.name).even
    whole = np.repeat(seen >= lane.size, seen)
    for number in np.unique(rank):
        mine = (rank == number) & ~alone
        made.ranks[number].transfer[event[mine]] = transfer[mine]
        made.ranks[number].exact[event[mine]] = whole[mine] & even
    wait = np.where(alone, 0, length - transfer)
    if even:
        np.add.at(made.caused, rank[first], np.add.reduceat(wait, first))
    made.matched_ns += int(length[~alone].sum())
    made.waited_ns += int(wait.sum())
    found = int((~alone).sum())
    complete = int((whole & ~alone).sum())
    made.calls["complete" if even else "bound"] += complete
    made.calls["partial"] += found - complete
    if found:
        made.methods.add(lane.method)
