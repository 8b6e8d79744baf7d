"""Inputs without end from a few: bytes flipped, cut, doubled, spliced, and words of the grammars put in. Seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
USUAL_BYTES, MAX_BYTES = 768, 8_192
"""Most inputs are of the length that lines have; one in 64 may be long."""
POOL = 512
POOL_BYTES = 768
"""Longer inputs are tried, but nothing grows out of them: they only cost time."""
WORDS = (
    b"NVRM: ", b"Xid (", b"SXid (", b"PCI:", b"0000:4e:00", b"0000:4e:00.0", b"0000ABCD:1B:1F.7", b"): ", b", pid=",
    b", name=", b"'<unknown>'", b"<unknown>", b" GPU-I:02", b" GPU-CI:00", b"Fatal, Link ", b"Link -1",
    b"Severity 1", b"Data {", b"0x", b"0xA", b"\n", b"\r\n", b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80", b"\xe2\x80\xa8", b"\\x0a", b"\\xff", b"\\x", b"9" * 30, b"-1", b"18446744073709551616",
    b"2147483648", b"4,5,6,-;", b"4,5,6,c;", b"[    1.000000] ", b"<14>", b"Jan  8 09:14:55 ", b"Feb 30 25:61:61 ",
    b"9999-99-99T99:99:99Z ", b"0001-01-01T00:00:00+14:00 ", b"2026-06-01T10:00:00Z ", b"__CURSOR=",
    b"__REALTIME_TIMESTAMP=", b"MESSAGE=", b"MESSAGE\n", b"_TRANSPORT=kernel\n", b'{"MESSAGE": "', b'{"MESSAGE": [',
    b'"}', b"[[[[", b"1e999", b"NaN", b"Killed process ", b" (", b") ", b"segfault at ", b"[1]: ",
    b"The NVIDIA GPU ", b"installed in this system has", b"fallen off the bus and is not responding", b"AER: ",
    b" received: id=00da", b"Slot(", b"mlx5_core ", b'"traceEvents": [', b'"dur": -1', b'"cat": "kernel"', b'"ph": "X"',
    b"}, {", b"]}", b'"ProfilerStep#1"', b'"Seq": 1', b'"Collective name": "all_gather"', b"ncclDevKernel_", b"q\x00h\x00",
)  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """The corpus of a target; one empty input if there is none."""
    found: list[bytes] = []
    for path in sorted((CORPUS / target).glob("*")):
        data = path.read_bytes()
        found += data.splitlines() if path.suffix == ".lines" else [data]
    return found or [b""]


def inputs(target: str, seed: int, count: int) -> Iterator[bytes]:
    """`count` inputs: first the corpus itself, then what grows out of it. The same for the same seed."""
    draw = random.Random(f"{target}:{seed}")
    pool = seeds(target)
    start = pool[:count]
    yield from start
    for _ in range(count - len(start)):
        data = pool[draw.randrange(len(pool))]
        for _ in range(1 + draw.getrandbits(2)):
            data = mutated(data, pool, draw)
        if draw.getrandbits(4) == 0 and len(data) <= POOL_BYTES:
            if len(pool) < POOL:
                pool.append(data)
            else:
                pool[len(start) + draw.randrange(POOL - len(start))] = data
        yield data


def mutated(data: bytes, pool: list[bytes], draw: random.Random) -> bytes:
    """One change."""
    at = draw.randrange(len(data) + 1)
    end = min(len(data), at + 1 + draw.getrandbits(draw.getrandbits(2) * 2 + 1))
    match draw.getrandbits(3):
        case 0:
            changed = data[:at] + bytes((draw.getrandbits(8),)) + data[at + 1 :]
        case 1:
            changed = data[:at] + data[end:]
        case 2:
            changed = data[:end] + data[at:end] * (1 + draw.getrandbits(2)) + data[end:]
        case 3:
            other = pool[draw.randrange(len(pool))]
            changed = data[:at] + other[draw.randrange(len(other) + 1) :]
        case 4:
            changed = data[:at] + b"\n" + pool[draw.randrange(len(pool))]
        case 5:
            changed = data[:at] + bytes(draw.getrandbits(8) for _ in range(1 + draw.getrandbits(3))) + data[at:]
        case _:
            word = WORDS[draw.randrange(len(WORDS))]
            changed = data[:at] + word + data[at if draw.getrandbits(1) else at + len(word) :]
    return changed[: USUAL_BYTES if draw.getrandbits(6) else MAX_BYTES]
