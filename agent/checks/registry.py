"""How a check is declared: which table it reads, what one subject is, and what else it asks to see."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clusterctl.config import ChecksConfig
from clusterctl.schema import (
    FILESYSTEM_SAMPLE,
    GPU_HEALTH,
    GPU_LINK_SAMPLE,
    GPU_SAMPLE,
    HOST_SAMPLE,
    NIC_HEALTH,
    NIC_LINK_SAMPLE,
    NIC_SAMPLE,
    NVLINK_SAMPLE,
    Table,
)
from clusterctl.schema.verdict import Verdict

Row = Any
"""A struct of the table that the check needs; its columns are the schema's."""
Judge = Callable[..., Verdict]
NODE = "node"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the agent knows of a node's GPUs without asking one of them."""

    ts: int
    gpus_expected: int | None = None
    """As configured; None if nobody said how many there should be."""
    gpus_on_bus: int | None = None
    gpus_seen: int | None = None
    """GPUs that answered NVML; None if it could not be asked."""
    hung: tuple[str, ...] = ()
    """UUIDs of the GPUs whose calls did not come back."""
    missing: str = ""
    """Why NVML could not be asked, as a word of agent/gpu.py."""


@dataclass(frozen=True, slots=True)
class PortsSeen:
    """The ports with hardware behind them that one tick saw."""

    ts: int
    ports: frozenset[str]


FACTS, PORTS = "facts", "ports"
SUBJECTS: dict[str, tuple[str, tuple[str, ...]]] = {
    FACTS: (NODE, ()),
    PORTS: (NODE, ()),
    GPU_SAMPLE.name: ("gpu", ("gpu_uuid",)),
    GPU_LINK_SAMPLE.name: ("gpu", ("gpu_uuid",)),
    GPU_HEALTH.name: ("gpu", ("gpu_uuid",)),
    NVLINK_SAMPLE.name: ("link", ("gpu_uuid", "link")),
    NIC_SAMPLE.name: ("port", ("port",)),
    NIC_LINK_SAMPLE.name: ("port", ("port",)),
    NIC_HEALTH.name: ("port", ("port",)),
    HOST_SAMPLE.name: (NODE, ()),
    FILESYSTEM_SAMPLE.name: ("mount", ("mount",)),
}
"""Of each table that checks may need: what one subject is, and the columns that name it."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a check may ask to see besides its own rows, by the name of its parameter."""

    neighbours: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Rows of the node's other subjects of the same table, oldest first, none of them empty."""
    samples: Sequence[Row] = ()
    """Rows of `gpu_sample` of the same GPU, perhaps none."""
    health: Row | None = None
    """The latest row of `gpu_health` of the same GPU."""
    counters: Sequence[Row] = ()
    """Rows of `nic_link_sample` of the same port, perhaps none; none if the latest is old."""
    host: Row | None = None
    """The latest row of `host_sample`."""


@dataclass(frozen=True, slots=True)
class Check:
    """One registered check."""

    name: str
    table: str
    per: str
    meaning: str
    asks: tuple[str, ...]
    judge: Judge

    def __call__(self, recent: Sequence[Row], limits: ChecksConfig, around: Around) -> Verdict:
        """The verdict on one subject. `recent` is oldest first and never empty."""
        return self.judge(recent, limits, **{name: getattr(around, name) for name in self.asks})


CHECKS: dict[str, Check] = {}
"""Every check by its name, in declared order; agent/checks/__init__.py imports the modules that declare them."""


def check(needs: Table | str, per: str) -> Callable[[Judge], Judge]:
    """Register a pure function `(recent, limits, ...)` as the check of its name.

    Further parameters are fields of `Around`, given by name. A mistake in the declaration is a TypeError at import."""
    table = needs if isinstance(needs, str) else needs.name

    def register(function: Judge) -> Judge:
        asks = tuple(inspect.signature(function).parameters)[2:]
        meaning = (inspect.getdoc(function) or "").partition("\n")[0]
        known = Around.__dataclass_fields__
        if SUBJECTS[table][0] != per or not meaning or not set(asks) <= set(known) or function.__name__ in CHECKS:
            raise TypeError(f"check {function.__name__} is declared wrongly")
        CHECKS[function.__name__] = Check(function.__name__, table, per, meaning, asks, function)
        return function

    return register
