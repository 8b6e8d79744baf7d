"""All checks, in the order in which they are shown: importing a module registers its checks."""

from clusterctl.doctor import (  # noqa: I001 - the order is the page's
    configuration,
    node,
    local_bus,
    broker,
    server,
    group,
    arrival,
    parts,
    freshness,
    clocks,
)
from clusterctl.doctor.registry import CHECKS

__all__ = ["CHECKS", "arrival", "broker", "clocks", "configuration", "freshness", "group", "local_bus", "node", "parts",
           "server"]  # fmt: skip
