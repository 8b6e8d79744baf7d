"""Network ports: errors, losses of the link, its speed, its optics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusterctl.agent.checks.readings import S_PER_HOUR, S_PER_MINUTE, growth, middle, of_its_kind, within
from clusterctl.agent.checks.registry import PORTS, PortsSeen, Row, check
from clusterctl.clock import MS_PER_S
from clusterctl.config import ChecksConfig
from clusterctl.schema import NIC_HEALTH, NIC_SAMPLE, SATURATING, SATURATING_SLOW
from clusterctl.schema.verdict import Action, State, Verdict

INFINIBAND, ETHERNET = "infiniband", "ethernet"
SHORT_WINDOW_S = 60.0
LONG_WINDOW_S = 300.0
ENOUGH_NEIGHBOURS = 3
"""Fewer ports of a kind do not say what is usual."""
POLLS_GONE = 3
"""A port that one poll does not see may come with the next."""
MOST_NAMED = 8
HALF_OPEN = 2
"""A loss of the carrier is two changes: down and up."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How much of one counter is too much."""

    counter: str
    state: State
    action: Action
    per_s: Callable[[ChecksConfig], float]
    """What is allowed a second."""
    window_s: float = SHORT_WINDOW_S
    everywhere: bool = False
    """Judged on every port that has it; the others belong to InfiniBand and must be there."""


def _none(limits: ChecksConfig) -> float:
    """One error is one too many."""
    return 0.0


CABLE, FABRIC = Action.REPLACE_CABLE_OR_OPTICS, Action.CHECK_FABRIC
RULES: tuple[Rule, ...] = (
    Rule("local_link_integrity_errors", State.FAIL, CABLE, _none),
    Rule("excessive_buffer_overrun_errors", State.FAIL, CABLE, _none),
    Rule("symbol_error", State.FAIL, CABLE, lambda limits: limits.nic_symbol_per_h / S_PER_HOUR, LONG_WINDOW_S),
    Rule("link_error_recovery", State.WARN, CABLE, lambda limits: limits.nic_recovery_per_min / S_PER_MINUTE),
    Rule("port_rcv_errors", State.WARN, CABLE, lambda limits: limits.nic_rcv_errors_per_s),
    Rule("port_xmit_discards", State.WARN, FABRIC, lambda limits: limits.nic_discards_per_s),
    Rule("rx_crc_errors", State.WARN, CABLE, lambda limits: limits.nic_crc_errors_per_s, everywhere=True),
)
"""NVSentinel's and NVIDIA's limits on counters of `nic_sample`; docs/checks.md has the sources."""
SLOW_RULES: tuple[Rule, ...] = (
    Rule("icrc_errors", State.WARN, CABLE, lambda limits: limits.nic_crc_errors_per_s, everywhere=True),
    Rule("ack_timeout", State.WARN, FABRIC, lambda limits: limits.nic_ack_timeout_per_s, everywhere=True),
    Rule("slow_restart", State.WARN, FABRIC, lambda limits: limits.nic_slow_restart_per_s, everywhere=True),
    Rule("rnr_nak", State.WARN, Action.NONE, _none, everywhere=True),  # a slow receiver makes them: only a warning
)
"""The same on counters of `nic_link_sample`."""
SETTLING = Verdict.unknown("links settle after boot")
STICKING_BITS = {name: 1 << bit for bit, name in enumerate(SATURATING)}
SLOW_STICKING_BITS = {name: 1 << bit for bit, name in enumerate(SATURATING_SLOW)}


@check(needs=NIC_SAMPLE, per="port")
def nic_errors(recent: Sequence[Row], limits: ChecksConfig, host: Row | None, counters: Sequence[Row]) -> Verdict:
    """A port counts errors faster than a healthy link does."""
    settled = _settled(recent, limits, host)
    if not settled:
        return SETTLING
    slower = _settled(counters, limits, host)
    window = within(slower, LONG_WINDOW_S) if slower else ()
    return Verdict.worst(_judged(within(settled, LONG_WINDOW_S), window, limits))


def _settled(recent: Sequence[Row], limits: ChecksConfig, host: Row | None) -> Sequence[Row]:
    """The rows from after the minutes in which links come up. Without an uptime it is taken to be long ago."""
    if host is None or host.uptime_s is None or not recent:
        return recent
    since = host.ts + (limits.nic_settling_s - host.uptime_s) * MS_PER_S
    return recent if recent[0].ts >= since else [row for row in recent if row.ts >= since]


def _judged(recent: Sequence[Row], counters: Sequence[Row], limits: ChecksConfig) -> Iterator[Verdict]:
    infiniband = recent[-1].link_layer == INFINIBAND
    rules = [(recent, rule) for rule in RULES] + [(counters, rule) for rule in SLOW_RULES if counters]
    if not counters:
        yield Verdict.unknown("no row of the slower counters")
    some = False
    for rows, rule in rules:
        if not infiniband and not rule.everywhere:
            continue
        if rule.everywhere and all(getattr(row, rule.counter) is None for row in rows):
            continue  # this port does not have it
        some = True
        yield _applied(rule, rows, limits)
    if not some:
        yield Verdict.unknown("this port has no error counters")


def _applied(rule: Rule, recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    if (recent[-1].saturated_mask or 0) & STICKING_BITS.get(rule.counter, 0):
        return Verdict.unknown(f"{rule.counter} stands at its top")
    grown = growth(recent, rule.counter, rule.window_s)
    if grown.above(rule.per_s(limits), rule.window_s):
        return Verdict(rule.state, f"{rule.counter} grew by {grown.count} in {grown.span_s:.0f} s", rule.action)
    return Verdict.unknown(f"{rule.counter}: {grown.gap}") if grown.gap else Verdict.ok()


@check(needs=NIC_SAMPLE, per="port")
def nic_saturated(recent: Sequence[Row], limits: ChecksConfig, counters: Sequence[Row]) -> Verdict:
    """An error counter of a port stands at its top: it will not show another error until it is cleared."""
    now = recent[-1]
    masks = [(STICKING_BITS, now.saturated_mask)]
    if counters:
        masks.append((SLOW_STICKING_BITS, counters[-1].saturated_mask))
    full = [name for bits, mask in masks if mask for name, bit in bits.items() if mask & bit]
    if full:
        return Verdict.warn(f"at the top: {', '.join(full)}", Action.RESET_COUNTERS)
    if now.link_layer == ETHERNET:
        return Verdict.ok()
    if all(mask is None for _, mask in masks):
        return Verdict.unknown("no counters that stick")
    return Verdict.ok() if counters else Verdict.unknown("no row of the slower counters")


@check(needs=NIC_SAMPLE, per="port")
def nic_flaps(recent: Sequence[Row], limits: ChecksConfig, host: Row | None) -> Verdict:
    """A port lost its link: it stays down, or it comes and goes.

    A counter that was reset within the hours that are looked at still tells the rest of them."""
    now = recent[-1]
    if now.link_up is None:
        return Verdict.unknown("no state of the link")
    settled = _settled(recent, limits, host)
    if not settled:
        return SETTLING
    findings = [_drop(settled, limits)] if not now.link_up else []
    carrier = growth(settled, "carrier_changes", limits.nic_flap_window_h * S_PER_HOUR)
    downed = growth(settled, "link_downed", limits.nic_flap_window_h * S_PER_HOUR)
    if now.carrier_changes is None and now.link_downed is None:
        findings.append(Verdict.unknown("no counter of losses"))
    if (now.saturated_mask or 0) & STICKING_BITS["link_downed"]:
        findings.append(Verdict.unknown("link_downed stands at its top"))
    losses = max(carrier.count // HALF_OPEN, downed.count)
    told = f"the link was lost {losses} times in {max(carrier.span_s, downed.span_s) / S_PER_MINUTE:.0f} min"
    if losses >= limits.nic_flap_count:
        findings.append(Verdict.fail(told, CABLE))
    elif losses:
        findings.append(Verdict.warn(told, CABLE))
    return Verdict.worst(findings)


def _drop(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """Down now: since when, if it was ever seen up."""
    up = [row.ts for row in recent if row.link_up]
    if not up:
        return Verdict.ok("down since it was first seen")
    down_s = (recent[-1].ts - up[-1]) / MS_PER_S
    told = f"down for {down_s:.0f} s"
    return Verdict.fail(told, CABLE) if down_s >= limits.nic_drop_s else Verdict.warn(told, CABLE)


@check(needs=NIC_SAMPLE, per="port")
def nic_link(recent: Sequence[Row], limits: ChecksConfig, neighbours: Mapping[str, Sequence[Row]]) -> Verdict:
    """A port is down while its kind is up, or runs below its own or its neighbours' rate or lanes."""
    now = recent[-1]
    if now.link_up is None:
        return Verdict.unknown("no state of the link")
    kind = [rows[-1] for rows in of_its_kind(now, neighbours, "link_layer")]
    if not now.link_up:
        up = sum(1 for row in kind if row.link_up)
        if len(kind) >= ENOUGH_NEIGHBOURS and up * 2 > len(kind):
            return Verdict.warn(f"down, while {up} of {len(kind)} ports of its kind are up", CABLE)
        return Verdict.unknown("down, and nothing says whether it should be up")
    findings = [_below("rate_mbps", "Mbit/s", recent, kind), _below("lanes", "lanes", recent, kind)]
    if now.rate_mbps is None:
        findings.append(Verdict.unknown("no rate"))
    return Verdict.worst(findings)


def _below(name: str, unit: str, recent: Sequence[Row], kind: Sequence[Row]) -> Verdict:
    """Against its own best, and on InfiniBand, whose ports of one node are alike, against the others."""
    value = getattr(recent[-1], name)
    if value is None:
        return Verdict.ok()
    best = max(known for row in recent if (known := getattr(row, name)) is not None)
    if value < best:
        return Verdict.warn(f"{value} {unit}, before {best}", CABLE)
    others = [known for row in kind if row.link_up and (known := getattr(row, name)) is not None]
    usual = middle(others)
    alike = recent[-1].link_layer == INFINIBAND and len(others) >= ENOUGH_NEIGHBOURS
    if alike and usual is not None and value < usual:
        return Verdict.warn(f"{value} {unit}, its neighbours {usual:.0f}", CABLE)
    return Verdict.ok()


@check(needs=PORTS, per="node")
def nic_missing(recent: Sequence[PortsSeen], limits: ChecksConfig) -> Verdict:
    """A port that was there is gone: its device fell off the bus, or it was given to a container."""
    there: set[str] = set().union(*(seen.ports for seen in recent[-POLLS_GONE:]))
    before: set[str] = set().union(*(seen.ports for seen in recent))
    gone = sorted(before - there)
    told = f"gone: {', '.join(gone[:MOST_NAMED])}{' and more' if len(gone) > MOST_NAMED else ''}"
    return Verdict.warn(told, Action.RUN_DIAGNOSTICS) if gone else Verdict.ok()


@check(needs=NIC_HEALTH, per="port")
def optics(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """An optical module is hot, or receives little light."""
    now = recent[-1]
    if now.module_temp_c is None and now.module_rx_power_min_uw is None:
        return Verdict.unknown("no reading of the module; copper has none")
    findings = []
    if now.module_temp_c is not None and now.module_temp_c >= limits.optics_warn_c:
        findings.append(Verdict.warn(f"module at {now.module_temp_c} °C", Action.INSPECT_COOLING))
    if now.module_rx_power_min_uw is not None and now.module_rx_power_min_uw < limits.optics_rx_min_uw:
        findings.append(Verdict.warn(f"weakest lane receives {now.module_rx_power_min_uw:.1f} µW", CABLE))
    return Verdict.worst(findings)
