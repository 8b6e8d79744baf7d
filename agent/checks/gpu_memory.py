"""Memory errors of a GPU, and what NVIDIA's own verdict asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clusterctl.agent.checks.readings import growth
from clusterctl.agent.checks.registry import Row, check
from clusterctl.config import ChecksConfig
from clusterctl.schema import GPU_SAMPLE
from clusterctl.schema.verdict import Action, Verdict

RECOVERY: dict[int, Verdict] = {
    0: Verdict.ok(),
    1: Verdict.fail("the driver asks for a GPU reset", Action.RESET_GPU),
    2: Verdict.fail("the driver asks for a reboot", Action.REBOOT_NODE),
    3: Verdict.warn("the driver asks to drain peer-to-peer work", Action.DRAIN_NODE),
    4: Verdict.warn("the driver asks to drain, then to reset", Action.DRAIN_AND_RESET_GPU),
    5: Verdict.fail("the driver asks to recover IMEX", Action.RECOVER_IMEX),
    6: Verdict.fail("the driver asks for a bus reset", Action.RESET_GPU),
    7: Verdict.fail("the driver asks for a reboot of the system", Action.REBOOT_NODE),
}
"""NVML field 230, driver 565 and later."""


@check(needs=GPU_SAMPLE, per="gpu")
def ecc_uncorrected(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """A GPU's memory gave data that could not be corrected: results since then cannot be trusted."""
    grown = growth(recent, "ecc_uncorrected", limits.window_s)
    if grown.count:
        return Verdict.fail(f"{grown.count} uncorrected ECC errors within {grown.span_s:.0f} s", Action.RESET_GPU)
    return Verdict.unknown(grown.gap) if grown.gap else Verdict.ok()


@check(needs=GPU_SAMPLE, per="gpu")
def ecc_remap(recent: Sequence[Row], limits: ChecksConfig, health: Row | None) -> Verdict:
    """A GPU's memory waits for a repair, or can no longer be repaired."""
    now = recent[-1]
    pending = _either(now.remap_pending, health, "remap_pending")
    failed = _either(now.remap_failed, health, "remap_failed")
    findings = list(_worn_out(health, limits)) if health is not None else []
    if failed:
        findings.append(Verdict.fail("a row remapping failed", Action.RESEAT_OR_RMA_GPU))
    if pending:
        findings.append(Verdict.warn("a row remapping waits for a reset", Action.RESET_GPU))
    old_kind = health is not None and health.retired_pages_dbe is not None
    if (pending is None or failed is None) and not old_kind:
        findings.append(Verdict.unknown("the driver does not say whether rows were remapped"))
    return Verdict.worst(findings)


def _either(reading: int | None, health: Row | None, name: str) -> int | None:
    """The reading of this tick, or else the slower table's."""
    return reading if reading is not None or health is None else getattr(health, name)


def _worn_out(health: Row, limits: ChecksConfig) -> Iterator[Verdict]:
    if health.remap_banks_none:
        yield Verdict.fail(f"{health.remap_banks_none} memory banks have no spare rows", Action.RESEAT_OR_RMA_GPU)
    if (health.remapped_uncorrected or 0) >= limits.remapped_rows:
        yield Verdict.fail(f"{health.remapped_uncorrected} rows remapped for errors", Action.RESEAT_OR_RMA_GPU)
    if health.sram_threshold_exceeded:
        yield Verdict.fail("the GPU counts too many SRAM errors", Action.RESEAT_OR_RMA_GPU)
    yield from _retired(health, limits)
    if health.repair_channel_pending or health.repair_tpc_pending:
        yield Verdict.warn("a repair of the GPU waits for a reset", Action.RESET_GPU)


def _retired(health: Row, limits: ChecksConfig) -> Iterator[Verdict]:
    """Before Ampere there are pages instead of rows."""
    double = health.retired_pages_dbe or 0
    pages = double + (health.retired_pages_sbe or 0)
    if pages >= limits.retired_pages_fail_count:
        yield Verdict.fail(f"{pages} pages retired", Action.RESEAT_OR_RMA_GPU)
    elif double >= limits.retired_pages_warn_count:
        yield Verdict.warn(f"{double} pages retired for double-bit errors", Action.RESEAT_OR_RMA_GPU)
    if health.retired_pending:
        yield Verdict.warn("a page retirement waits for a reboot", Action.REBOOT_NODE)


@check(needs=GPU_SAMPLE, per="gpu")
def recovery_action(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """The driver itself asks for a repair of this GPU (NVML field 230)."""
    asked = recent[-1].recovery_action
    if asked is None:
        return Verdict.unknown("the driver has no recovery action")
    return RECOVERY.get(asked) or Verdict.unknown(f"recovery action {asked} is not known here")
