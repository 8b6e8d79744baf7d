"""Node states from Slurm: `scontrol show node --json`, `sinfo --json` of any data_parser version, and plain sinfo.

Plain sinfo is `sinfo -h -N -o "%N|%T|%E|%H"`, with `|%G` behind it for the GPUs. Its times have no zone, and are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from clusterctl.analytics.imports.hostlist import expand
from clusterctl.analytics.imports.json_file import at, listed, number, text
from clusterctl.analytics.imports.node_said import MAX_REASON, Listing, Said, checked_name
from clusterctl.analytics.imports.node_words import (
    DRAINED,
    OUT_OF_SERVICE,
    PLANNED,
    SLURM,
    UNKNOWN,
    is_announced,
    meaning,
    slurm_words,
)
from clusterctl.analytics.imports.table import Rejected
from clusterctl.clock import MS_PER_S
from clusterctl.schema.field import LATEST_MS

NONE = {"", "none", "n/a", "(null)", "unknown"}
MAX_LINE = 16_384
_GPUS = re.compile(r"(?<![\w/])gpu(?::[^:,()\s]{1,64})?:(\d{1,4})(?![\w:])")
_BY = re.compile(r"\s*\[([^\[\]@]{1,64})@[^\[\]]{0,64}\]\s*$")


def from_json(document: dict[str, Any], planned_reasons: list[str]) -> Listing:
    """Nodes of `scontrol show node --json` (under nodes) or `sinfo --json` (under sinfo)."""
    listing = Listing("slurm")
    for index, entry in enumerate(listed(document.get("nodes")) or listed(document.get("sinfo"))):
        try:
            names = _names(entry)
        except ValueError as error:
            listing.rejected.append(Rejected(index + 1, f"entry {index + 1}: {error}"))
            continue
        for name in names:
            _take(listing, index + 1, name, _from_entry(entry), planned_reasons)
    return listing


def from_lines(content: str, planned_reasons: list[str]) -> Listing:
    """Nodes of plain sinfo; a node of several partitions stands there several times."""
    listing = Listing("slurm")
    for index, line in enumerate(content.splitlines()):
        cells = [cell.strip() for cell in line[:MAX_LINE].split("|")]
        if not line.strip() or cells[0] in ("NODELIST", "HOSTNAMES"):
            continue
        if len(cells) < 2:
            listing.rejected.append(Rejected(index + 1, "no state: expected NODE|STATE|REASON|TIME"))
            continue
        gres = cells[-1] if len(cells) > 4 else ""
        reason = "|".join(cells[2 : 3 if len(cells) <= 4 else len(cells) - 2])
        try:
            names = expand(cells[0])
        except ValueError as error:
            listing.rejected.append(Rejected(index + 1, str(error)))
            continue
        for name in names:
            found = {"words": slurm_words(cells[1][:500]), "reason": reason, "gpus": gpus_of(gres) if gres else None}
            _take(listing, index + 1, name, found, planned_reasons)
    return listing


def gpus_of(gres: str) -> int | None:
    """GPUs of a list of generic resources such as gpu:h100:8(S:0-1),gpu:a100:2; None if it names none."""
    counts = [int(match) for match in _GPUS.findall(gres[:4_096])]
    return min(sum(counts), 65_535) if counts else None


def _names(entry: object) -> list[str]:
    """Nodes that an entry is about: one of scontrol, many of sinfo."""
    named = text(at(entry, "name")) or text(at(entry, "hostname"))
    if named:
        return [named]
    listed_ = at(entry, "nodes")
    names = listed_ if isinstance(listed_, list) else listed(at(listed_, "nodes"))
    found = (
        expand(listed_) if isinstance(listed_, str) else [host for name in names for host in expand(text(name, 4_096))]
    )
    if not found:
        raise ValueError("names no node")
    return found


def _from_entry(entry: object) -> dict[str, Any]:
    state = at(entry, "state") or at(entry, "node", "state")
    flags = at(entry, "state_flags")
    words = slurm_words(state[:500] if isinstance(state, str) else [text(word, 64) for word in listed(state)[:64]])
    words += slurm_words([text(word, 64) for word in listed(flags)[:64]])
    reason, gres = at(entry, "reason"), at(entry, "gres")
    since_s = number(at(entry, "reason_changed_at")) or number(at(reason, "time"))
    return {
        "words": words,
        "reason": text(reason, 4_096) or text(at(reason, "description"), 4_096),
        "by": text(at(entry, "reason_set_by_user"), 200) or text(at(reason, "user"), 200),
        "gpus": gpus_of(text(gres, 4_096) or text(at(gres, "total"), 4_096)),
        "since_ms": since_s * MS_PER_S if since_s and 0 < since_s < LATEST_MS // MS_PER_S else None,
    }


def _take(listing: Listing, line: int, name: str, found: dict[str, Any], planned_reasons: list[str]) -> None:
    host, words = checked_name(name), list(dict.fromkeys(found["words"]))
    if host is None:
        listing.rejected.append(Rejected(line, f"not a node name: {name[:64]!r}"))
        return
    state = meaning(SLURM, set(words))
    if state is None:
        listing.rejected.append(Rejected(line, f"{host}: state {'+'.join(words)[:64]!r} is not known"))
        state = UNKNOWN
    reason = "" if found["reason"].strip().lower() in NONE else found["reason"].strip()
    named = _BY.search(reason)
    if state == DRAINED and is_announced(reason, planned_reasons):
        state = PLANNED
    listing.said.append(
        Said(
            host,
            state,
            "+".join(words)[:200],
            reason[:MAX_REASON],
            found.get("by") or (named[1] if named else ""),
            found["gpus"],
            found.get("since_ms") if state in OUT_OF_SERVICE else None,
        )
    )


def merged(said: Iterable[Said]) -> Iterator[Said]:
    """One row a node: of a node that stands in several partitions, the first; they say the same."""
    seen: dict[str, Said] = {}
    for one in said:
        seen.setdefault(one.host, one)
    yield from seen.values()
