"""JSON that other systems write: bounded, and read without trusting that anything is there or of the right type."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.errors import InputError

MAX_BYTES = 1 << 30
STDIN = Path("-")


def read_bytes(path: Path) -> bytes:
    """The file, or standard input for `-`. Raises InputError if it cannot be read or is larger than MAX_BYTES."""
    try:
        if path == STDIN:
            found = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with path.open("rb") as file:
                found = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if len(found) > MAX_BYTES:
        raise InputError(f"{path}: more than {MAX_BYTES >> 20} MiB", hint="export a shorter time")
    return found


def looks_like_json(content: bytes) -> bool:
    """Whether the first character that is no blank begins a JSON object."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def decode(path: Path, content: bytes) -> dict[str, Any]:
    """The JSON object. Raises InputError with the place of the fault."""
    try:
        found = msgspec.json.decode(content.lstrip(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: not a JSON object")
    return found


def at(value: object, *keys: str) -> Any:
    """What stands under these keys of nested objects, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: object, most: int = 256) -> str:
    """A string, cut; empty for anything else."""
    return value[:most] if isinstance(value, str) else ""


def listed(value: object) -> list[Any]:
    """A list; empty for anything else."""
    return value if isinstance(value, list) else []


def number(value: object) -> int | None:
    """A whole number as Slurm's versions write it: 5, or {"set": true, "infinite": false, "number": 5}."""
    if isinstance(value, dict):
        return number(value.get("number")) if value.get("set") and not value.get("infinite") else None
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else None
