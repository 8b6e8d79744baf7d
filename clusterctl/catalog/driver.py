"""NVIDIA driver versions: numbers between dots, compared part by part. `560` is the beginning of the 560 branch."""

from __future__ import annotations

import re
from functools import lru_cache

_VERSION = re.compile(r"\s{0,8}[rR]?(\d{1,6}(?:\.\d{1,6}){0,3})(?![\d.])", re.ASCII)

Version = tuple[int, ...]


@lru_cache(maxsize=1_024)
def parsed(text: str) -> Version | None:
    """The version in front of any suffix; None where there is none, which means unknown."""
    found = _VERSION.match(text)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def covers(since: str, until: str, driver_version: str) -> bool:
    """Whether a driver lies in [since, until); an empty bound is open. An unknown driver lies in what is still open
    at its newer end: most drivers are recent."""
    driver = parsed(driver_version)
    if driver is None:
        return not until
    low, high = parsed(since), parsed(until)
    return (low is None or low <= driver) and (high is None or driver < high)


def overlap(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two ranges [since, until) share a driver."""

    def starts_before_end(start: str, end: str) -> bool:
        low, high = parsed(start), parsed(end)
        return low is None or high is None or low < high

    return starts_before_end(one[0], other[1]) and starts_before_end(other[0], one[1])
