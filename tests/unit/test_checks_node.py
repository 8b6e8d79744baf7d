"""What the node's own readings mean, and that the pages name every check and repair."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clusterctl.agent.checks import CHECKS
from clusterctl.config import ChecksConfig
from clusterctl.schema.verdict import Action
from tests.support.readings import judge, told

PAGE = Path(__file__).resolve().parents[2] / "docs" / "checks.md"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"read_only": 0}, ("ok", "none")),
        ({"read_only": [0, 1]}, ("fail", "inspect_storage")),
        ({"read_only": [None, 1]}, ("warn", "inspect_storage")),
        ({"read_only": 1, "fstype": "squashfs"}, ("ok", "none")),
        ({"read_only": [0, None]}, ("unknown", "none")),
    ],
)
def test_filesystem_read_only(columns: dict[str, Any], expected: tuple[str, str]) -> None:
    assert told(judge("filesystem_read_only", **columns)) == expected


def test_a_mount_may_be_meant_to_be_read_only() -> None:
    limits = ChecksConfig(read_only_mounts="/usr, /data")
    assert told(judge("filesystem_read_only", limits=limits, read_only=1)) == ("ok", "none")


def test_filesystem_hung() -> None:
    assert told(judge("filesystem_hung", hung=0, latency_us=40)) == ("ok", "none")
    assert told(judge("filesystem_hung", hung=1)) == ("fail", "inspect_storage")
    assert told(judge("filesystem_hung", hung=0, latency_us=1_000_000)) == ("ok", "none")
    assert told(judge("filesystem_hung", hung=0, latency_us=1_000_001)) == ("warn", "inspect_storage")
    assert told(judge("filesystem_hung")) == ("unknown", "none")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"size_bytes": 1_000, "free_bytes": 500}, ("ok", "none")),
        ({"size_bytes": 1_000, "free_bytes": 50}, ("warn", "free_space")),
        ({"size_bytes": 1_000, "free_bytes": 10}, ("fail", "free_space")),
        ({"size_bytes": 1_000, "free_bytes": 500, "inodes": 100, "inodes_free": 0}, ("fail", "free_space")),
        ({"size_bytes": 1_000, "free_bytes": 0, "read_only": 1}, ("ok", "none")),  # an image is always full
        ({"size_bytes": 0, "free_bytes": 0}, ("ok", "none")),
        ({"hung": 1}, ("unknown", "none")),
        ({"size_bytes": 10}, ("unknown", "none")),
        ({"free_bytes": 10}, ("unknown", "none")),
        ({"size_bytes": 1_000, "free_bytes": 500, "inodes_free": 0}, ("ok", "none")),  # no fixed number of inodes
    ],
)
def test_filesystem_full(columns: dict[str, Any], expected: tuple[str, str]) -> None:
    assert told(judge("filesystem_full", **columns)) == expected


@pytest.mark.parametrize(
    ("synchronized", "offset_us", "expected"),
    [
        (1, 35, ("ok", "none")),
        (1, -100_000, ("ok", "none")),
        (1, 100_001, ("warn", "fix_time_sync")),
        (1, 1_000_000, ("warn", "fix_time_sync")),
        (1, -1_000_001, ("fail", "fix_time_sync")),
        (0, 35, ("warn", "fix_time_sync")),
        (None, None, ("unknown", "none")),
        (None, 35, ("unknown", "none")),
        (1, None, ("unknown", "none")),
    ],
)
def test_clock_skew(synchronized: int | None, offset_us: int | None, expected: tuple[str, str]) -> None:
    assert told(judge("clock_skew", clock_synchronized=synchronized, clock_offset_us=offset_us)) == expected


def test_host_pressure() -> None:
    calm = {"psi_memory_full_us": [0] * 7, "psi_io_full_us": [0] * 7}
    assert told(judge("host_pressure", **calm)) == ("ok", "none")
    tenth = {**calm, "psi_memory_full_us": [0] * 6 + [6_000_000]}
    assert told(judge("host_pressure", **tenth)) == ("ok", "none")
    stalled = {**calm, "psi_memory_full_us": [0] * 6 + [7_000_000]}  # 7 s of a minute
    assert told(judge("host_pressure", **stalled)) == ("warn", "free_memory")
    assert told(judge("host_pressure", **calm, oom_kills=[0] * 6 + [1])) == ("warn", "free_memory")
    assert told(judge("host_pressure")) == ("unknown", "none")


def test_every_check_is_documented_as_it_is_declared() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [
        line
        for check in CHECKS.values()
        if (line := f"| {check.name} | {check.per} | {check.table} | {check.meaning} |") not in page
    ]
    assert missing == [], "put these lines into docs/checks.md"


def test_every_repair_is_documented_and_advised_by_some_check() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [line for action in Action if (line := f"| {action.word} | {action.meaning} |") not in page] == []
    code = "".join(path.read_text(encoding="utf-8") for path in (PAGE.parents[1] / "agent" / "checks").glob("*.py"))
    unused = [action.name for action in Action if f"Action.{action.name}" not in code]
    assert unused == []
