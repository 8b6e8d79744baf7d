"""The two-stage model: signals become episodes, episodes and what schedulers and people say become incidents."""

from clusterctl.analytics.incidents.episodes import Episode, Signal, episodes
from clusterctl.analytics.incidents.evidence import Closing, Evidence, Gap, JobRun, NodeState, Restart, Rules
from clusterctl.analytics.incidents.incident import Incident, compute

__all__ = [
    "Closing",
    "Episode",
    "Evidence",
    "Gap",
    "Incident",
    "JobRun",
    "NodeState",
    "Restart",
    "Rules",
    "Signal",
    "compute",
    "episodes",
]
