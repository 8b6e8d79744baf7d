"""What the node agent concludes from its readings: pure functions from rows to verdicts (docs/checks.md)."""

from clusterctl.agent.checks import gpu_driver, gpu_heat, gpu_links, gpu_memory, host, nic
from clusterctl.agent.checks.events import CheckEvent, event_values
from clusterctl.agent.checks.registry import CHECKS, Around, Check, NodeFacts, check
from clusterctl.agent.checks.runner import CheckRunner, disabled_checks

MODULES = (gpu_heat, gpu_memory, gpu_links, gpu_driver, nic, host)
"""Importing them registers their checks."""

__all__ = [
    "CHECKS",
    "MODULES",
    "Around",
    "Check",
    "CheckEvent",
    "CheckRunner",
    "NodeFacts",
    "check",
    "disabled_checks",
    "event_values",
]
