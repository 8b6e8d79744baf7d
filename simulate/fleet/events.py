"""Kernel lines and echoes of a node as the rows of `event` that its agent would send.

Lines are parsed by whoever calls: this part of the product knows no grammar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from clusterctl.schema import EVENT, INVENTORY
from clusterctl.simulate.fleet.layout import FIRMWARE, MODEL, PORT_FIRMWARE, Fleet, pci, port_pci
from clusterctl.simulate.fleet.seen import Eyes, skewed
from clusterctl.simulate.fleet.world import Line, World

Reader = Callable[[str, int, int, int, int, str, str], "msgspec.Struct | None"]
"""Text, first and last time, count, number at its source, GPU, driver: the row, or None where the line says nothing."""
WINDOW_MS, MAX_WINDOWS = 2_000, 1_000
"""Repeats go out together, a row each two seconds; of a long storm in at most so many rows."""


def windows(line: Line) -> Iterator[tuple[int, int, int]]:
    """First time, last time and count of each row that a line gives: one, or those of a storm."""
    if line.count == 1:
        yield line.at_ms, line.at_ms, 1
        return
    span_ms = max(1, line.until_ms - line.at_ms)
    pieces = max(1, min(MAX_WINDOWS, span_ms // WINDOW_MS, line.count))
    for piece in range(pieces):
        first, last = (line.at_ms + span_ms * place // pieces for place in (piece, piece + 1))
        count = line.count * (piece + 1) // pieces - line.count * piece // pieces
        yield first, last - (piece < pieces - 1), count


def event_rows(world: World, eyes: Eyes, read: Reader) -> dict[int, list[msgspec.Struct]]:
    """By node, in the order of their time."""
    found: dict[int, list[msgspec.Struct]] = {}
    for line in eyes.lines:
        node = world.fleet.nodes[line.node]
        mine = found.setdefault(line.node, [])
        uuid = world.fleet.gpu_uuid(line.node, line.gpu) if line.gpu >= 0 and "NVRM" in line.text else ""
        for first_ms, last_ms, count in windows(line):
            times = skewed(world, line.node, first_ms), skewed(world, line.node, last_ms)
            row = read(line.text, *times, count, len(mine) + 1, uuid, node.driver)
            if row is not None:
                mine.append(row)
    for echo in eyes.echoes:
        mine = found.setdefault(echo.node, [])
        uuid = world.fleet.gpu_uuid(echo.node, echo.gpu)
        at_ms = skewed(world, echo.node, echo.at_ms)
        mine.append(
            EVENT.row(
                ts=at_ms, last_ts=at_ms, count=1, kind="xid", code=str(echo.code), severity="fail", source="nvml",
                source_seq=at_ms * 1_000 + len(mine) % 1_000, pci=f"{pci(echo.gpu)}.0", gpu_uuid=uuid, process="",
                driver_version=world.fleet.nodes[echo.node].driver, ts_source="wall", text="", fields="{}",
            )
        )  # fmt: skip
    return found


def inventory(fleet: Fleet, number: int, at_ms: int) -> Sequence[msgspec.Struct]:
    """The node, its GPUs and its ports."""
    node = fleet.nodes[number]
    rows = [("node", node.name, "DGX H100", f"S{number:08}", "", "1.5.3", node.driver)]
    for gpu in range(fleet.gpus_per_node):
        rows.append(
            ("gpu", fleet.gpu_uuid(number, gpu), MODEL, f"{node.name}/{gpu}", f"{pci(gpu)}.0", FIRMWARE, node.driver)
        )
        rows.append(("port", f"mlx5_{gpu}/1", "MT4129", "", port_pci(gpu), PORT_FIRMWARE, ""))
    names = ("subject_kind", "subject", "model", "serial", "pci", "firmware", "driver_version")
    return [INVENTORY.row(ts=at_ms, rack=node.rack, fields="{}", **dict(zip(names, row, strict=True))) for row in rows]
