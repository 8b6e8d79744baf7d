"""What a check found: about what, how grave, on which numbers, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clusterctl.schema.verdict import State


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor. `do` is empty only where all is well; `check` is filled in by the runner."""

    subject: str
    state: State
    seen: str
    do: str = ""
    check: str = ""


def ok(subject: str, seen: str) -> Finding:
    """Read, and within limits."""
    return Finding(subject, State.OK, seen)


def warn(subject: str, seen: str, do: str) -> Finding:
    """Outside what is usual; data still flows."""
    return Finding(subject, State.WARN, seen, do)


def fail(subject: str, seen: str, do: str) -> Finding:
    """Data is lost, late or wrong, or will be soon."""
    return Finding(subject, State.FAIL, seen, do)


def unknown(subject: str, seen: str, do: str = "") -> Finding:
    """Nobody could tell, and why."""
    return Finding(subject, State.UNKNOWN, seen, do or "make this readable: what nobody can see is not in order")


def graded(subject: str, seen: str, do: str, value: float, warn_above: float, fail_above: float) -> Finding:
    """By two limits on one value."""
    if value > fail_above:
        return fail(subject, seen, do)
    if value > warn_above:
        return warn(subject, seen, do)
    return ok(subject, seen)


def worst(findings: Iterable[Finding]) -> State:
    """The gravest state; of nothing, UNKNOWN: nobody looked."""
    return max((finding.state for finding in findings), default=State.UNKNOWN)


def span(seconds: float) -> str:
    """A time span as people say it."""
    seconds = abs(seconds)
    if seconds < 1:
        return f"{seconds * 1_000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1_024:
            return f"{count:.0f} {unit}"
        count /= 1_024
    return f"{count:.1f} TiB"
