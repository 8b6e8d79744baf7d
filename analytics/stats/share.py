"""What a smaller exposed share of communication is worth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shortening:
    """What becomes of a step when the exposed share falls and the compute stays."""

    step_shorter: float
    """Share of the old step time that is saved; negative when the new one is longer."""
    throughput_gain: float
    """Steps per hour more, as a share of the old ones."""


def shortening(before: float, after: float) -> Shortening:
    """From one exposed share of the step to another. Raises ValueError unless both are at least 0 and under 1."""
    if not (0 <= before < 1 and 0 <= after < 1):
        raise ValueError("a share of communication is at least 0 and under 1")
    return Shortening(1 - (1 - before) / (1 - after), (1 - after) / (1 - before) - 1)
