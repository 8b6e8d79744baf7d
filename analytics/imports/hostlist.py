"""Slurm's short form of host names: node[001-004,7],rack[1-2]n[1-8]."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_HOSTS = 200_000
MAX_TEXT = 1 << 20
MAX_GROUPS = 4
"""Bracketed groups in one name, at most: the names multiply."""
_PIECE = re.compile(r"\[([^\[\]]*)\]|([^\[\],\s]+)")
_RANGE = re.compile(r"(\d{1,12})(?:-(\d{1,12}))?")


def expand(text: str, most: int = MAX_HOSTS) -> list[str]:
    """The host names, in order, each once. Raises ValueError if it is no such list or gives more than `most`."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"a host list of more than {MAX_TEXT} characters")
    names: dict[str, None] = {}
    for word in _words(text):
        for name in _expanded(word, most):
            names[name] = None
            if len(names) > most:
                raise ValueError(f"a host list of more than {most} hosts")
    return list(names)


def _words(text: str) -> Iterator[str]:
    """The parts between commas that stand outside brackets."""
    begin = depth = 0
    for at, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if depth not in (0, 1):
            raise ValueError("brackets do not match")
        if char == "," and not depth:
            yield text[begin:at].strip()
            begin = at + 1
    if depth:
        raise ValueError("brackets do not match")
    yield text[begin:].strip()


def _expanded(word: str, most: int) -> list[str]:
    if not word:
        return []
    pieces = _PIECE.findall(word)
    if "".join(plain if plain else f"[{group}]" for group, plain in pieces) != word:
        raise ValueError(f"not a host name: {word[:64]!r}")
    if sum(not plain for _, plain in pieces) > MAX_GROUPS:
        raise ValueError(f"more than {MAX_GROUPS} bracketed groups in {word[:64]!r}")
    names = [""]
    for group, plain in pieces:
        numbers = [plain] if plain else _numbers(group, most)
        if len(names) * len(numbers) > most:
            raise ValueError(f"a host list of more than {most} hosts")
        names = [name + number for name in names for number in numbers]
    return names


def _numbers(group: str, most: int) -> list[str]:
    """Numbers of one group, padded as its first number is."""
    found: list[str] = []
    for part in group.split(","):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"not a range of numbers: {part[:64]!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first >= most or len(found) + last - first >= most:
            raise ValueError(f"not a range of at most {most} numbers: {part[:64]!r}")
        found += [str(number).zfill(len(match[1])) for number in range(first, last + 1)]
    return found
