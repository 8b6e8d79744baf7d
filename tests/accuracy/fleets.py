"""The kinds of fleets that the product is judged by. Each seed makes one of each kind."""

from __future__ import annotations

from dataclasses import replace

from clusterctl.simulate.fleet.settings import Rates, Settings, Shape

NODES, DAYS = 512, 30.0
MIXED, EVEN, CLUSTERED, WEAK = "mixed", "even", "clustered", "weak"
JUDGED = (MIXED, EVEN, CLUSTERED)
EVEN_SHAPE = Shape(lemon_share=0.0, bad_batch_factor=1.0)
EVEN_RATES = Rates(gpu=0.45, host=0.1, nic=0.08, user=0.1, software=0.1, degradation=0.1, bad_gpu=0.0)
"""More faults and fewer of the rest: these fleets are about the rate."""
MIXED_RATES = Rates(
    bad_gpu=0.004, agent_dead_per_node_month=0.4, kmsg_unread_per_node_month=0.2, silent_per_node_month=0.2
)  # fmt: skip
FLEETS = {
    MIXED: (MIXED_RATES, Shape()),
    EVEN: (EVEN_RATES, EVEN_SHAPE),
    CLUSTERED: (EVEN_RATES, replace(EVEN_SHAPE, cluster_size=3.0)),
    WEAK: (EVEN_RATES, replace(EVEN_SHAPE, cluster_size=1.5)),
}
"""mixed: everything at once, with lemons, a bad batch, storms, blind spots. even: no unit worse than another, faults
independent. clustered: as even, but faults come in groups of three on average, on other nodes within minutes.
weak: groups too small to be told from chance as often as not; not among the kinds that are judged by default."""


def settings_of(kind: str, seed: int, nodes: int = NODES, days: float = DAYS) -> Settings:
    """The fleet of a kind and seed."""
    rates, shape = FLEETS[kind]
    return Settings(nodes, days, seed=seed, rates=rates, shape=shape)
