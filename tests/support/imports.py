"""Importing files through the command line, and what a report says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.cli import ok, report

Env = Mapping[str, str]
FLEET = ("--gpus", "16384", "--days", "54")
"""Llama 3 405B's."""
KERNEL_LOG = """\
[  100.000000] NVRM: Xid (PCI:0000:4e:00): 48, pid=0, An uncorrectable double bit error (DBE) has been detected on GPU
[  101.000000] NVRM: Xid (PCI:0000:4e:00): 63, pid=0, Row Remapper: New row marked for remapping, reset gpu to activate.
[  102.000000] NVRM: Xid (PCI:0000:4e:00): 45, pid=12, name=python, Ch 00000002
[  103.000000] usb 1-1: new high-speed USB device number 2
[  200.000000] NVRM: Xid (PCI:0000:5d:00): 13, pid=77, name=train, Graphics SM Warp Exception on (GPC 2, TPC 6, SM 0): x
"""
"""A GPU's double bit error with what follows it, and a user's fault on another GPU."""


def counts(path: Path, *rows: tuple[str, str, int]) -> str:
    """A file of undated counts."""
    path.write_text("cause,class,count\n" + "".join(f"{cause},{kind},{count}\n" for cause, kind, count in rows))
    return str(path)


def imported(env: Env, cluster: str, *arguments: str) -> dict[str, Any]:
    """Import incidents, and what the report says of the cluster then."""
    ok(env, "import", "incidents", *arguments, "--cluster", cluster)
    return seen(env, cluster)


def seen(env: Env, cluster: str, *arguments: str) -> dict[str, Any]:
    """What the report says of a cluster."""
    return dict(report(env, "--cluster", cluster, *arguments)["by_name"][cluster])


def near(value: float, printed: str) -> bool:
    """Equal within 1 in the last printed digit."""
    digits = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 10**-digits


def assert_rate(rate: Mapping[str, Any], value: str, low: str, high: str) -> None:
    """The rate and its interval as printed."""
    assert near(rate["value"], value), rate
    assert near(rate["low"], low), rate
    assert near(rate["high"], high), rate


def verdict(faults: Mapping[str, Any], target: float) -> dict[str, Any]:
    """The verdict against one target."""
    return dict(next(entry for entry in faults["verdicts"] if entry["target"] == target))
