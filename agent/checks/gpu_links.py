"""A GPU's links: NVLink and its fabric, PCIe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from clusterctl.agent.checks.readings import S_PER_MINUTE, busy_ratio, growth, middle, of_its_kind
from clusterctl.agent.checks.registry import Row, check
from clusterctl.config import ChecksConfig
from clusterctl.schema import GPU_HEALTH, GPU_LINK_SAMPLE, NVLINK_SAMPLE
from clusterctl.schema.verdict import Action, State, Verdict

REPLAYS_PER_LANE: dict[int, float] = {1: 0.15, 2: 0.3, 3: 0.48, 4: 0.96, 5: 1.92, 6: 3.84}
"""PCIe generation, and the replays a minute and lane that DCGM 4.6 allows."""
SHORT_WINDOW_S = 60.0
FABRIC_COMPLETED = 3
TRUE = 1
FABRIC_FACTS: tuple[tuple[int, Verdict], ...] = (
    (0, Verdict.warn("the fabric runs at reduced bandwidth", Action.CHECK_FABRIC)),
    (2, Verdict.warn("a fabric route is being recovered", Action.CHECK_FABRIC)),
    (4, Verdict.fail("a fabric route is unhealthy", Action.CHECK_FABRIC)),
    (6, Verdict.warn("the fabric recovers from an access time-out", Action.CHECK_FABRIC)),
)
"""Bit position of each two-bit fact of the fabric health mask, and what it means when it is true."""
FABRIC_SUMMARY = {2: "unhealthy", 3: "limited in capacity"}
CONFIGURATION_BIT, CONFIGURATION_MASK, CONFIGURATION_FINE = 8, 0xF, (0, 1)


@check(needs=GPU_LINK_SAMPLE, per="gpu")
def nvlink_down(recent: Sequence[Row], limits: ChecksConfig, neighbours: Mapping[str, Sequence[Row]]) -> Verdict:
    """An NVLink is down while the others of its GPU, or of the node's other GPUs, are up."""
    mask, links = recent[-1].nvlink_active_mask, recent[-1].nvlink_links
    if mask is None or links is None:
        return Verdict.unknown("the driver gave no state of links")
    others = [rows[-1].nvlink_active_mask for rows in of_its_kind(recent[-1], neighbours, "nvlink_links")]
    usual = middle(_count(other) for other in others if other is not None)
    up_before = 0
    for row in recent:
        up_before |= row.nvlink_active_mask or 0
    fallen = [n for n in range(links) if up_before & ~mask & 1 << n]
    up = _count(mask)
    if fallen or (usual is not None and up < usual):
        named = ", ".join(map(str, fallen or [n for n in range(links) if not mask & 1 << n]))
        return Verdict.fail(f"{up} of {links} NVLinks are up; down: {named}", Action.CHECK_FABRIC)
    if usual is None and 0 < up < links:
        return Verdict.unknown(f"{up} of {links} NVLinks are up, and there is no other GPU to compare with")
    return Verdict.ok("" if up else "no NVLink is in use on this node")


def _count(mask: int) -> int:
    return bin(mask).count("1")


@check(needs=GPU_LINK_SAMPLE, per="gpu")
def nvlink_errors(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """A GPU's NVLinks fail to recover, or repeat themselves more than they should."""
    older, newer = recent[-1].nvlink_crc_errors, recent[-1].nvlink_recoveries_failed
    if older is None and newer is None:
        return Verdict.unknown("the driver gave no error counters of links")
    names = ("crc_errors", "replays", "recoveries") if older is not None else ("recoveries_failed", "effective_errors")
    grown = {name: growth(recent, f"nvlink_{name}", limits.window_s) for name in names}
    findings = [Verdict.unknown(f"{name}: {seen.gap}") for name, seen in grown.items() if seen.gap]
    if (failed := grown.get("recoveries_failed")) and failed.count:
        findings.append(Verdict.fail(f"{failed.count} recoveries failed", Action.CHECK_FABRIC))
    if (crc := grown.get("crc_errors")) and crc.above(limits.nvlink_crc_per_s, limits.window_s):
        findings.append(Verdict.fail(f"{crc.count} CRC errors in {crc.span_s:.0f} s", Action.RUN_DIAGNOSTICS))
    if (seen := grown.get("replays")) and seen.above(limits.nvlink_replays_per_min / S_PER_MINUTE, limits.window_s):
        findings.append(Verdict.warn(f"{seen.count} replays in {seen.span_s:.0f} s", Action.RUN_DIAGNOSTICS))
    for name in ("recoveries", "effective_errors"):
        if (seen := grown.get(name)) and seen.count:
            told = f"{seen.count} {name.replace('_', ' ')} in {seen.span_s:.0f} s"
            findings.append(Verdict.warn(told, Action.RUN_DIAGNOSTICS))
    return Verdict.worst(findings)


@check(needs=NVLINK_SAMPLE, per="link")
def nvlink_ber(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """An NVLink (generation 5) lets too many bit errors through. A rate at its floor, 15e-238, is none at all."""
    now = recent[-1]
    findings = []
    for name, rate in (("effective", now.effective_ber), ("symbol", now.symbol_ber)):
        if rate is None:
            findings.append(Verdict.unknown(f"no {name} bit error rate"))
        elif rate > limits.nvlink_ber:
            findings.append(Verdict.fail(f"{name} bit error rate {rate:.1e}", Action.CHECK_FABRIC))
    return Verdict.worst(findings)


@check(needs=GPU_HEALTH, per="gpu")
def pcie_link(
    recent: Sequence[Row], limits: ChecksConfig, neighbours: Mapping[str, Sequence[Row]], samples: Sequence[Row]
) -> Verdict:
    """A GPU's PCIe link has fewer lanes than it could, or stays slow under load. Idle GPUs slow it down on purpose."""
    now = recent[-1]
    if now.pcie_width is None or now.pcie_width_max is None:
        return Verdict.unknown("no PCIe width")
    kin = of_its_kind(now, neighbours, "sm_clock_max_mhz", "power_limit_max_mw")
    usual = middle(rows[-1].pcie_width for rows in kin if rows[-1].pcie_width is not None)
    best = max(now.pcie_width_max, usual or 0)
    findings = [_generation(now, limits, samples)]
    if now.pcie_width < best:
        findings.append(Verdict.fail(f"PCIe x{now.pcie_width} of x{best:.0f}", Action.RESEAT_OR_RMA_GPU))
    return Verdict.worst(findings)


def _generation(now: Row, limits: ChecksConfig, samples: Sequence[Row]) -> Verdict:
    if now.pcie_gen is None or now.pcie_gen_max is None:
        return Verdict.unknown("no PCIe generation")
    if now.pcie_gen >= now.pcie_gen_max:
        return Verdict.ok()
    told = f"PCIe generation {now.pcie_gen} of {now.pcie_gen_max}"
    at = [row for row in samples if row.ts <= now.ts]
    busy = busy_ratio(at[-1]) if at else None
    if busy is None:
        return Verdict.unknown(f"{told}, and the load is not known")
    loaded = busy >= limits.loaded_ratio
    return Verdict.warn(f"{told} under load", Action.RESEAT_OR_RMA_GPU) if loaded else Verdict.ok(f"{told}, idle")


@check(needs=GPU_LINK_SAMPLE, per="gpu")
def pcie_errors(recent: Sequence[Row], limits: ChecksConfig, samples: Sequence[Row], health: Row | None) -> Verdict:
    """A GPU's PCIe link repeats more than its lanes and generation allow, or had a fatal error."""
    findings = [_replays(samples, limits, health)]
    for name, state in (("fatal", State.FAIL), ("nonfatal", State.WARN)):
        grown = growth(recent, f"pcie_{name}_errors", limits.window_s)
        if grown.count:
            findings.append(Verdict(state, f"{grown.count} {name} PCIe errors", Action.RESEAT_OR_RMA_GPU))
        elif grown.gap:
            findings.append(Verdict.unknown(f"{name} errors: {grown.gap}"))
    return Verdict.worst(findings)


def _replays(samples: Sequence[Row], limits: ChecksConfig, health: Row | None) -> Verdict:
    if not samples:
        return Verdict.unknown("replays: no reading")
    grown = growth(samples, "pcie_replays", SHORT_WINDOW_S)
    told = f"{grown.count} PCIe replays in {grown.span_s:.0f} s"
    lanes = health.pcie_width if health is not None else None
    per_lane = REPLAYS_PER_LANE.get(health.pcie_gen_max or 0) if health is not None else None
    if lanes is None or per_lane is None:
        return Verdict.unknown(f"{told}, but lanes or generation are not known")
    allowed = math.ceil(lanes * per_lane * limits.pcie_replay_factor)
    if grown.above(allowed / S_PER_MINUTE, SHORT_WINDOW_S):
        return Verdict.warn(f"{told}, {allowed} a minute are allowed", Action.RESEAT_OR_RMA_GPU)
    return Verdict.unknown(f"replays: {grown.gap}") if grown.gap else Verdict.ok()


@check(needs=GPU_HEALTH, per="gpu")
def fabric_state(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """A GPU has not joined its NVLink fabric, or the fabric says that it is not well."""
    now = recent[-1]
    if now.fabric_state is None:
        return Verdict.unknown("the driver gave no fabric state")
    if now.fabric_state == 0:
        return Verdict.ok("this GPU has no fabric to join")
    if now.fabric_state < FABRIC_COMPLETED:
        return Verdict.warn("the GPU has not joined the fabric yet", Action.CHECK_FABRIC)
    findings = [found for bit, found in FABRIC_FACTS if (now.fabric_health_mask or 0) >> bit & 3 == TRUE]
    configuration = (now.fabric_health_mask or 0) >> CONFIGURATION_BIT & CONFIGURATION_MASK
    if configuration not in CONFIGURATION_FINE:
        findings.append(Verdict.fail(f"wrong fabric configuration ({configuration})", Action.CONTACT_SUPPORT))
    if now.fabric_status is None:
        findings.append(Verdict.unknown("the driver gave no fabric status"))
    elif now.fabric_status:
        findings.append(Verdict.fail(f"joining the fabric failed ({now.fabric_status})", Action.CHECK_FABRIC))
    if word := FABRIC_SUMMARY.get(now.fabric_health_summary or 0):
        findings.append(Verdict.warn(f"the fabric calls this GPU {word}", Action.CHECK_FABRIC))
    return Verdict.worst(findings)
