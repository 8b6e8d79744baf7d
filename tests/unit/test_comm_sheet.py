"""The page of `comm analyze` on narrow and wide screens."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusterctl.commands.comm_sheet import show
from tests.support.traces import GEMM, collective, work, write
from tests.unit.test_comm_measure import measured

HOUR_NS = 3_600_000_000_000
LONG = "tensor_and_context_parallel_group_of_the_second_pipeline_stage"
NARROW = ["rank", "ms", "exposed", "total", "wait", "compute", "copies", "idle"]
WIDE = [*NARROW, "transfer", "hidden", "fused", "steps"]


@pytest.mark.parametrize(("width", "columns"), [(80, NARROW), (140, WIDE)])
def test_no_number_and_no_heading_is_broken(
    width: int,
    columns: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An hour that is all exposed beside long names: the widest cells that there are."""
    monkeypatch.setenv("COLUMNS", str(width))
    ranks = [
        [collective(0, HOUR_NS, sequence=1, group=LONG), work("k" * 300, HOUR_NS, 2 * HOUR_NS)],
        [work(GEMM, 0, 10), collective(10, HOUR_NS, sequence=1, group=LONG), work("k" * 300, HOUR_NS, 2 * HOUR_NS)],
    ]
    show(measured(*write(tmp_path, ranks, steps=[(12345, 0, HOUR_NS), (12346, HOUR_NS, 2 * HOUR_NS)])))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    headings = [line.split() for line in lines]
    assert columns in headings
    assert any(line[:4] == ["0", "7,200,000", "50.00%", "50.00%"] for line in headings)
    steps = headings.index(next(line for line in headings if line[:1] == ["step"]))
    assert headings[steps + 1][:4] == ["12345", "2", "3,600,000", "100.00%"]
    assert ("transfer" in headings[steps]) == (width == 140)
