"""Heat, power and clocks of a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

from clusterctl.agent.checks.readings import busy_ratio, mean_of, middle, of_its_kind, within
from clusterctl.agent.checks.registry import Row, check
from clusterctl.clock import MS_PER_S
from clusterctl.config import ChecksConfig
from clusterctl.schema import GPU_HEALTH, GPU_SAMPLE
from clusterctl.schema.verdict import Action, Verdict

IDLE, SW_POWER_CAP, SW_THERMAL = 0x1, 0x4, 0x20
HW_SLOWDOWN, HW_THERMAL, HW_POWER_BRAKE = 0x8, 0x40, 0x80
HARDWARE = HW_SLOWDOWN | HW_THERMAL | HW_POWER_BRAKE
CAPPED = SW_POWER_CAP | SW_THERMAL | HARDWARE
FEWEST_SAMPLES = 5
"""A mean of fewer says nothing about five minutes."""
MW_PER_W = 1_000


@check(needs=GPU_SAMPLE, per="gpu")
def thermal_margin(recent: Sequence[Row], limits: ChecksConfig, health: Row | None) -> Verdict:
    """A GPU or its memory comes close to the temperature at which it slows down.

    Ada and later report the margin; before, it is the slowdown threshold less the temperature."""
    now = recent[-1]
    return Verdict.worst([_core(now, limits, health), _memory(now, limits)])


def _core(now: Row, limits: ChecksConfig, health: Row | None) -> Verdict:
    margin = now.temp_margin_c
    if margin is None:
        threshold = health.temp_slowdown_c if health is not None else None
        if now.temp_c is None or threshold is None:
            return Verdict.unknown("neither a margin nor a temperature with its threshold")
        margin = threshold - now.temp_c
    told = f"{margin} °C left before the GPU slows down"
    if margin <= limits.margin_fail_c:
        return Verdict.fail(told, Action.INSPECT_COOLING)
    return Verdict.warn(told, Action.INSPECT_COOLING) if margin <= limits.margin_warn_c else Verdict.ok()


def _memory(now: Row, limits: ChecksConfig) -> Verdict:
    """Many boards have no memory sensor: no reading is no finding."""
    if now.memory_temp_c is None or now.memory_temp_c < limits.memory_warn_c:
        return Verdict.ok()
    return Verdict.warn(f"memory at {now.memory_temp_c} °C", Action.INSPECT_COOLING)


@check(needs=GPU_SAMPLE, per="gpu")
def hardware_slowdown(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """A GPU is slowed by its own protection: heat or the power brake. The power cap is normal under load."""
    mask = recent[-1].throttle_mask
    if mask is None:
        return Verdict.unknown("the driver gave no throttle reasons")
    if not mask & HARDWARE:
        if mask & SW_THERMAL:
            return Verdict.warn("software slows the GPU for heat", Action.INSPECT_COOLING)
        return Verdict.ok()
    slowed = list(takewhile(_is_slowed, reversed(recent)))  # a tick without a reading ends the run
    lasted_s = (recent[-1].ts - slowed[-1].ts) / MS_PER_S
    action = Action.INSPECT_POWER if mask & HW_POWER_BRAKE else Action.INSPECT_COOLING
    told = f"hardware slowdown ({mask & HARDWARE:#x}) for {lasted_s:.0f} s"
    return Verdict.fail(told, action) if lasted_s > limits.slowdown_grace_s else Verdict.warn(told, action)


def _is_slowed(row: Row) -> bool:
    return row.throttle_mask is not None and bool(row.throttle_mask & HARDWARE)


@check(needs=GPU_SAMPLE, per="gpu")
def clocks_below_neighbours(
    recent: Sequence[Row], limits: ChecksConfig, neighbours: Mapping[str, Sequence[Row]], health: Row | None
) -> Verdict:
    """A GPU under load runs slower than the node's others at equal work: everyone in the job waits for it."""
    now = recent[-1]
    if now.sm_clock_mhz is None or busy_ratio(now) is None:
        return Verdict.unknown("no clock or no load")
    return Verdict.worst([_sm_clock(recent, limits, neighbours), _memory_clock(recent, limits, health)])


def _sm_clock(recent: Sequence[Row], limits: ChecksConfig, neighbours: Mapping[str, Sequence[Row]]) -> Verdict:
    kin = of_its_kind(recent[-1], neighbours, "memory_total_bytes")
    newest = [rows[-1].sm_clock_mhz for rows in kin if rows[-1].sm_clock_mhz is not None]
    floor = 1 - limits.clock_below_ratio
    if not newest or recent[-1].sm_clock_mhz >= floor * max(newest):  # the common case costs no means
        return Verdict.ok()
    mine = _Work.of(recent, limits)
    if mine is None:
        return Verdict.ok()
    others = [work for rows in kin if (work := _Work.of(rows, limits)) and mine.is_like(work, limits)]
    usual = middle(work.clock_mhz for work in others)
    if usual is None or mine.clock_mhz >= floor * usual:
        return Verdict.ok()
    told = f"SM clock {mine.clock_mhz:.0f} MHz, {len(others)} like GPUs of this node {usual:.0f} MHz"
    if mine.capped & (SW_THERMAL | HW_THERMAL):
        return Verdict.warn(told, Action.INSPECT_COOLING)
    return Verdict.warn(told, Action.INSPECT_POWER if mine.capped & HW_POWER_BRAKE else Action.RUN_DIAGNOSTICS)


class _Work:
    """What a GPU did over the window while it was loaded."""

    def __init__(self, clock_mhz: float, busy: float, power_mw: float | None, capped: int) -> None:
        self.clock_mhz = clock_mhz
        self.busy = busy
        self.power_mw = power_mw
        self.capped = capped

    @classmethod
    def of(cls, rows: Sequence[Row], limits: ChecksConfig) -> _Work | None:
        loaded = [row for row in within(rows, limits.window_s) if (busy_ratio(row) or 0.0) >= limits.loaded_ratio]
        clock = mean_of(loaded, lambda row: row.sm_clock_mhz)
        busy = mean_of(loaded, busy_ratio)
        if len(loaded) < FEWEST_SAMPLES or clock is None or busy is None:
            return None
        capped = (loaded[-1].throttle_mask or 0) & CAPPED
        return cls(clock, busy, mean_of(loaded, lambda row: row.power_mw), capped)

    def is_like(self, other: _Work, limits: ChecksConfig) -> bool:
        """Equally loaded, and at equal power unless something caps this one: a cap is what lowers its power."""
        if abs(self.busy - other.busy) > limits.alike_ratio:
            return False
        if self.capped or self.power_mw is None or other.power_mw is None:
            return True
        return abs(self.power_mw - other.power_mw) <= limits.alike_ratio * max(self.power_mw, other.power_mw)


def _memory_clock(recent: Sequence[Row], limits: ChecksConfig, health: Row | None) -> Verdict:
    greatest = health.memory_clock_max_mhz if health is not None else None
    last = recent[-FEWEST_SAMPLES:]
    if greatest is None or len(last) < FEWEST_SAMPLES:
        return Verdict.ok()
    floor = greatest * (1 - limits.memory_clock_below_ratio)
    low = [row.memory_clock_mhz is not None and row.memory_clock_mhz < floor for row in last]
    loaded = [(busy_ratio(row) or 0.0) >= limits.loaded_ratio for row in last]
    if not (all(low) and all(loaded)):
        return Verdict.ok()
    return Verdict.warn(
        f"memory clock {last[-1].memory_clock_mhz} of {greatest} MHz under load", Action.RUN_DIAGNOSTICS
    )


@check(needs=GPU_HEALTH, per="gpu")
def power_capped_low(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """A GPU's power limit is below its default, so that it is slower than its kind."""
    now = recent[-1]
    if now.power_limit_mw is None or now.power_limit_default_mw is None:
        return Verdict.unknown("no power limits")
    if now.power_limit_mw >= now.power_limit_default_mw * (1 - limits.power_limit_slack_ratio):
        return Verdict.ok()
    limit_w, default_w = now.power_limit_mw / MW_PER_W, now.power_limit_default_mw / MW_PER_W
    return Verdict.warn(f"power limit {limit_w:.0f} W, default {default_w:.0f} W", Action.INSPECT_POWER)
