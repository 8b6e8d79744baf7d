"""What `clusterctl calc` prints: one object as JSON, or the same numbers as a sheet."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import typer

from clusterctl.commands.common import ShortFormat
from clusterctl.terminal import Sheet

NONE = "-"


def plain(value: Any) -> Any:
    """Dataclasses, also within lists and mappings, as what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(entry) for name, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def as_json(output: ShortFormat, made: Mapping[str, Any]) -> bool:
    """Print the object if JSON was asked for, and say whether it was. Numbers are not rounded, and none is infinite."""
    if output is ShortFormat.JSON:
        typer.echo(json.dumps(plain(made), indent=2, allow_nan=False))
    return output is ShortFormat.JSON


def facts(*rows: tuple[str, str]) -> None:
    """A sheet of names and values; those without a value are left out."""
    Sheet().facts([(name, value) for name, value in rows if value])


def short(value: float | None, digits: int = 4) -> str:
    """A number for people."""
    return NONE if value is None else f"{value:,.{digits}f}"


def whole(value: float | None) -> str:
    """A whole number for people."""
    return NONE if value is None else f"{value:,.0f}"


def percent(value: float | None, digits: int = 2) -> str:
    """A share for people."""
    return NONE if value is None else f"{100 * value:.{digits}f} %"


def limits(low: float | None, high: float | None, digits: int = 4) -> str:
    """An interval for people; without its upper limit it has none."""
    if low is None:
        return "" if high is None else f"up to {short(high, digits)}"
    return f"from {short(low, digits)} on" if high is None else f"{short(low, digits)} to {short(high, digits)}"


def chance(p_value: float | None) -> str:
    """A p-value for people."""
    if p_value is None:
        return NONE
    return f"{p_value:.1e}" if p_value < 0.001 else f"{p_value:.4f}"
