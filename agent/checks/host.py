"""The node itself: file systems, clock, pressure."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.agent.checks.readings import growth
from clusterctl.agent.checks.registry import Row, check
from clusterctl.config import ChecksConfig
from clusterctl.schema import FILESYSTEM_SAMPLE, HOST_SAMPLE
from clusterctl.schema.verdict import Action, Verdict

US_PER_MS = 1_000
US_PER_S = 1_000_000
NEVER_WRITTEN = frozenset({"squashfs", "iso9660", "erofs", "cramfs", "romfs", "udf"})
PRESSURE_WINDOW_S = 60.0


@check(needs=FILESYSTEM_SAMPLE, per="mount")
def filesystem_read_only(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """A file system is read-only, which kernels do to one that has errors."""
    now = recent[-1]
    if now.read_only is None:
        return Verdict.unknown("it does not say whether it can be written")
    expected = {mount.strip() for mount in limits.read_only_mounts.split(",")}
    if not now.read_only or now.fstype in NEVER_WRITTEN or now.mount in expected:
        return Verdict.ok()
    if any(row.read_only == 0 for row in recent):
        return Verdict.fail("turned read-only", Action.INSPECT_STORAGE)
    return Verdict.warn("read-only since it was first seen", Action.INSPECT_STORAGE)


@check(needs=FILESYSTEM_SAMPLE, per="mount")
def filesystem_hung(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """A file system does not answer, or answers slowly: whatever touches it waits."""
    now = recent[-1]
    if now.hung:
        return Verdict.fail("statvfs does not come back", Action.INSPECT_STORAGE)
    if now.latency_us is None:
        return Verdict.unknown("no latency")
    if now.latency_us <= limits.filesystem_slow_ms * US_PER_MS:
        return Verdict.ok()
    return Verdict.warn(f"statvfs takes {now.latency_us / US_PER_MS:.0f} ms", Action.INSPECT_STORAGE)


@check(needs=FILESYSTEM_SAMPLE, per="mount")
def filesystem_full(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """A file system has little space or few inodes left."""
    now = recent[-1]
    if now.read_only or now.size_bytes == 0:
        return Verdict.ok("nothing can be written to it")
    if now.size_bytes is None or now.free_bytes is None:
        return Verdict.unknown("no size")
    findings = [_used("of the space", now.size_bytes, now.free_bytes, limits)]
    if now.inodes and now.inodes_free is not None:
        findings.append(_used("of the inodes", now.inodes, now.inodes_free, limits))
    return Verdict.worst(findings)


def _used(what: str, all_: int, free: int, limits: ChecksConfig) -> Verdict:
    used = 1 - free / all_
    told = f"{used:.1%} {what} is used"
    if used >= limits.filesystem_fail_ratio:
        return Verdict.fail(told, Action.FREE_SPACE)
    return Verdict.warn(told, Action.FREE_SPACE) if used >= limits.filesystem_warn_ratio else Verdict.ok()


@check(needs=HOST_SAMPLE, per="node")
def clock_skew(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """The node's clock is not disciplined or is off: its events cannot be put in order with others'."""
    now = recent[-1]
    findings = []
    if now.clock_synchronized is None:
        findings.append(Verdict.unknown("the kernel does not say whether its clock is synchronized"))
    elif not now.clock_synchronized:
        findings.append(Verdict.warn("the clock is not synchronized", Action.FIX_TIME_SYNC))
    if now.clock_offset_us is None:
        findings.append(Verdict.unknown("no offset of the clock"))
    else:
        off_ms = abs(now.clock_offset_us) / US_PER_MS
        told = f"the clock is off by {off_ms:.0f} ms"
        if off_ms > limits.clock_fail_ms:
            findings.append(Verdict.fail(told, Action.FIX_TIME_SYNC))
        elif off_ms > limits.clock_warn_ms:
            findings.append(Verdict.warn(told, Action.FIX_TIME_SYNC))
    return Verdict.worst(findings)


@check(needs=HOST_SAMPLE, per="node")
def host_pressure(recent: Sequence[Row], limits: ChecksConfig) -> Verdict:
    """The node runs out of memory or waits for I/O, which holds its GPUs back."""
    findings = [
        _stalled("memory", "psi_memory_full_us", limits.pressure_memory_ratio, recent),
        _stalled("I/O", "psi_io_full_us", limits.pressure_io_ratio, recent),
    ]
    killed = growth(recent, "oom_kills", limits.window_s)
    if killed.count:
        findings.append(Verdict.warn(f"{killed.count} processes killed for memory", Action.FREE_MEMORY))
    return Verdict.worst(findings)


def _stalled(what: str, counter: str, most: float, recent: Sequence[Row]) -> Verdict:
    grown = growth(recent, counter, PRESSURE_WINDOW_S)
    if grown.gap:
        return Verdict.unknown(f"pressure on {what}: {grown.gap}")
    share = grown.count / US_PER_S / max(grown.span_s, PRESSURE_WINDOW_S)
    if share <= most:
        return Verdict.ok()
    return Verdict.warn(f"all tasks waited for {what} {share:.0%} of the time", Action.FREE_MEMORY)
