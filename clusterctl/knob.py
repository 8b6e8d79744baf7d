"""How a setting is declared: its default, its meaning and its bounds."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def knob(
    default: Any, doc: str, *, choices: tuple[str, ...] = (), least: float | None = None, most: float | None = None
) -> Any:
    """A setting's default, meaning and bounds."""
    return field(default=default, metadata={"doc": doc, "choices": choices, "least": least, "most": most})
