"""Lines of a log, with the byte at which each begins; a line without end is refused."""

from __future__ import annotations

from collections.abc import Iterator

from clusterctl.communication.damage import Damaged
from clusterctl.communication.source import Source

MAX_LINE_BYTES = 16 << 20


def lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """Position and text of each line. Raises Damaged."""
    held = b""
    while chunk := source.read():
        start = source.position - len(chunk) - len(held)
        *whole, held = (held + chunk).split(b"\n")
        for line in whole:
            yield start, line
            start += len(line) + 1
        if len(held) > MAX_LINE_BYTES:
            raise Damaged(source.path, start, f"a line of more than {MAX_LINE_BYTES >> 20} MiB")
    if held:
        yield source.position - len(held), held
