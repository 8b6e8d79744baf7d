"""GPUs that are not there, and a driver that does not answer."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.agent.checks.readings import middle, within
from clusterctl.agent.checks.registry import FACTS, NodeFacts, Row, check
from clusterctl.config import ChecksConfig
from clusterctl.schema import GPU_HEALTH, GPU_SAMPLE
from clusterctl.schema.verdict import Action, Verdict

US_PER_MS = 1_000
HUNG = "nvml_hung"


@check(needs=FACTS, per="node")
def gpu_missing(recent: Sequence[NodeFacts], limits: ChecksConfig) -> Verdict:
    """A GPU of this node is not on the PCI bus, or is there and does not answer the driver."""
    now = recent[-1]
    findings = []
    if now.gpus_on_bus is None:
        findings.append(Verdict.unknown("the PCI bus could not be read"))
    elif now.gpus_expected is not None and now.gpus_on_bus < now.gpus_expected:
        told = f"{now.gpus_on_bus} of {now.gpus_expected} GPUs are on the PCI bus"
        findings.append(Verdict.fail(told, Action.REBOOT_NODE))
    if now.gpus_seen is None:
        findings.append(
            Verdict.ok("no GPU") if _has_none(now) else Verdict.unknown(f"NVML: {now.missing or 'no answer'}")
        )
    elif now.gpus_seen < (now.gpus_on_bus or 0):
        told = f"{now.gpus_seen} of {now.gpus_on_bus} GPUs on the bus answer"
        findings.append(Verdict.fail(told, Action.REBOOT_NODE))
    return Verdict.worst(findings)


@check(needs=FACTS, per="node")
def nvml_hung(recent: Sequence[NodeFacts], limits: ChecksConfig) -> Verdict:
    """A call to the driver did not come back: whoever asks this GPU next hangs as well."""
    now = recent[-1]
    if now.missing == HUNG or now.hung:
        named = f" for {', '.join(now.hung)}" if now.hung else ""
        return Verdict.fail(f"NVML did not answer in time{named}", Action.REBOOT_NODE)
    return Verdict.unknown(f"NVML: {now.missing}") if now.missing and not _has_none(now) else Verdict.ok()


def _has_none(now: NodeFacts) -> bool:
    """A node that has no GPU and should have none."""
    return now.gpus_on_bus == 0 and not now.gpus_expected


@check(needs=GPU_SAMPLE, per="gpu")
def nvml_slow(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """A GPU's driver answers slowly, as it does under a storm of errors."""
    if recent[-1].nvml_latency_us is None:
        return Verdict.unknown("no latency")
    rows = within(recent, limits.window_s)
    typical_us = middle(row.nvml_latency_us for row in rows if row.nvml_latency_us is not None) or 0
    if typical_us <= limits.nvml_slow_ms * US_PER_MS:
        return Verdict.ok()
    return Verdict.warn(f"NVML takes {typical_us / US_PER_MS:.0f} ms for this GPU", Action.DRAIN_AND_RESET_GPU)


@check(needs=GPU_HEALTH, per="gpu")
def persistence_off(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """Persistence mode is off: each first use of the GPU initialises it anew, which takes seconds."""
    on = recent[-1].persistence
    if on is None:
        return Verdict.unknown("the driver does not say")
    return Verdict.ok() if on else Verdict.warn("persistence mode is off", Action.ENABLE_PERSISTENCE)
