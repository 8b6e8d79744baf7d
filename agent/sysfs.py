"""Reading small files of sysfs and procfs: bounded, and "no answer" is None."""

from __future__ import annotations

from pathlib import Path

MAX_BYTES = 65_536


def read_text(path: Path) -> str | None:
    """The file, trimmed; None if it cannot be read (absent, EINVAL on a link that is down, EIO, no permission)."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", errors="replace").strip()
    except OSError:
        return None


def read_int(path: Path, base: int = 10) -> int | None:
    """The file as a whole number; None also for text such as `N/A (no PMA)`."""
    text = read_text(path)
    if text is None:
        return None
    try:
        return int(text, base)
    except ValueError:
        return None


def read_count(path: Path) -> int | None:
    """A counter: not negative (drivers print -1 for "unknown")."""
    value = read_int(path)
    return value if value is not None and 0 <= value < 2**64 else None


def pci_of(device: Path) -> str:
    """PCI address behind a `device` link (or a plain file of test trees), empty if it is not on PCI."""
    if device.is_symlink() or device.is_dir():
        for part in reversed(device.resolve().parts):
            if len(part) == 12 and part[4] == ":" and part[7] == ":" and part[10] == ".":
                return part.lower()
    return ""


def entries(directory: Path) -> list[Path]:
    """What is in a directory, by name; nothing if it is not there."""
    try:
        return sorted(directory.iterdir())
    except OSError:
        return []
