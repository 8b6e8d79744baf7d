"""How an unreadable file is reported: the file, the byte, what is wrong, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clusterctl.errors import InputError

SALVAGE = "--salvage measures what can be read of it, and says what was left out"


class Damaged(InputError):
    """A trace or log that cannot be read to its end; `position` is a byte of its (decompressed) text."""

    def __init__(self, path: Path, position: int, what: str, *, hint: str = SALVAGE) -> None:
        super().__init__(f"{path}: byte {position}: {what}", hint=hint)
        self.path = path
        self.position = position
        self.what = what

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels between processes."""
        return _again, (self.path, self.position, self.what, self.hint)


def _again(path: Path, position: int, what: str, hint: str) -> Damaged:
    return Damaged(path, position, what, hint=hint)
