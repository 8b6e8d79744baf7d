"""What a parser makes of a line, and the one form of a PCI address."""

from __future__ import annotations

import re

import msgspec

PCI = r"[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?"
"""An address as lines carry it: a domain of four to eight digits, with or without the function."""
PCI_FORM = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII)
"""An address as events carry it."""
MAX_PID_DIGITS = 9


class Parsed(msgspec.Struct, frozen=True):
    """A recognised line. `pci` is dddd:bb:dd.f in lower case, or empty; `severity` is info, warn or fail; `fields` are the
    details that the line names."""

    kind: str
    code: str
    severity: str
    pci: str = ""
    pid: int | None = None
    process: str = ""
    fields: dict[str, str] = {}


def address(text: str) -> str:
    """dddd:bb:dd.f of a text that matched `PCI`: a domain of eight digits loses its leading zeros, no function is 0."""
    domain, _, rest = text.lower().partition(":")
    if len(domain) > 4:
        domain = f"{int(domain, 16):04x}"
    return f"{domain}:{rest}" if "." in rest else f"{domain}:{rest}.0"


def requester(number: int, domain: str = "0000") -> str:
    """The address behind a PCIe requester id: bus, device and function in 16 bits."""
    return f"{domain}:{number >> 8 & 0xFF:02x}:{number >> 3 & 0x1F:02x}.{number & 7}"


def pid_of(text: str | None) -> int | None:
    """A process id, None for `<unknown>` and everything else that is no number of a sane length."""
    if text and text.isascii() and text.isdigit() and len(text) <= MAX_PID_DIGITS:
        return int(text)
    return None


def process_of(text: str | None) -> str:
    """A process name without the quotes that some drivers print; `<unknown>` counts as absent."""
    name = (text or "").strip("'")
    return "" if name == "<unknown>" else name
