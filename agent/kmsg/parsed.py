"""What a parser makes of a line."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Parsed:
    """A recognised line. `pci` is dddd:bb:dd.f in lower case, or empty; `severity` is info, warn or fail."""

    kind: str
    code: str
    severity: str
    pci: str = ""
    pid: int | None = None
    process: str = ""
    fields: dict[str, str] = field(default_factory=dict)
