"""Kernel lines through the whole path: raw record, parsed, coalesced. A storm of Xids, hostile names, and unrelated lines."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator

from clusterctl.agent.kmsg.events import Coalescer
from clusterctl.agent.kmsg.line import LogLine, raw_record

LINES = 200_000
PER_S = 20_000
STORM_S = 60
XID = "NVRM: Xid (PCI:0000:4e:00): 31, pid=40233, name=actorpool, Ch {0:08x}, intr 00000000. MMU Fault: ENGINE GRAPHICS"
NAMES = "NVRM: Xid (PCI:0000:4e:00): 45, pid={0}, name=job{0}, Ch 00000001"
OTHER = "usb 1-{0}: new high-speed USB device number {0} using xhci_hcd"


def records(text: str, count: int, distinct: int) -> list[str]:
    """As /dev/kmsg gives them, at `PER_S` a second."""
    return [f"4,{n},{n * 1_000_000 // PER_S},-;{text.format(n % distinct)}\n" for n in range(count)]


def coalesced(lines: list[str], coalescer: Coalescer) -> tuple[int, int]:
    """Rows and the sum of their counts."""
    rows = count = 0
    for start in range(0, len(lines), 2_000):
        now_ms, taken = 0, []
        for data in lines[start : start + 2_000]:
            record = raw_record(data)
            if record is not None:
                now_ms = record.monotonic_us // 1_000
                taken.append(LogLine(record.text, record.seq, now_ms, "kernel"))
        found = coalescer.take(taken) + coalescer.flush(now_ms)
        rows += len(found)
        count += sum(row.count for row in found)  # type: ignore[attr-defined]
    return rows, count


def speed(name: str, text: str, distinct: int, budget: str) -> None:
    """One line for a person."""
    lines = records(text, LINES, distinct)
    coalescer = Coalescer("kmsg")
    began = time.perf_counter()
    rows, count = coalesced(lines, coalescer)
    seconds = time.perf_counter() - began
    rest = coalescer.flush()
    count += sum(row.count for row in rest)  # type: ignore[attr-defined]
    print(f"{name}: {LINES / seconds:,.0f} lines/s ({budget}), {rows + len(rest)} rows for {count} lines")


def storm_memory(text: Callable[[int], str]) -> Iterator[str]:
    """Peak of a minute's storm at 20,000 lines a second."""
    tracemalloc.start()
    coalescer = Coalescer("kmsg")
    rows = count = 0
    for second in range(STORM_S):
        lines = [f"4,{n},{n * 50},-;{text(n)}\n" for n in range(second * PER_S, (second + 1) * PER_S)]
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        more, counted = coalesced(lines, coalescer)
        rows, count = rows + more, count + counted
        peak = tracemalloc.get_traced_memory()[1] - before
    count += sum(row.count for row in coalescer.flush())  # type: ignore[attr-defined]
    tracemalloc.stop()
    yield (
        f"{STORM_S} s at {PER_S:,}/s: {count:,} of {STORM_S * PER_S:,} lines counted, {rows:,} rows, "
        f"last second's peak {peak / 1e6:.1f} MB"
    )


def main() -> None:
    speed("storm, one text", XID, 1, "aim 60,000")
    speed("storm, 4,096 texts", XID, 4_096, "aim 60,000")
    speed("unrelated, 4,096 texts", OTHER, 4_096, "aim 100,000")
    speed("hostile names", NAMES, LINES, "no aim")
    for line in storm_memory(lambda n: XID.format(n % 4_096)):
        print("storm:", line)
    for line in storm_memory(lambda n: NAMES.format(n)):
        print("hostile storm:", line)


if __name__ == "__main__":
    main()
