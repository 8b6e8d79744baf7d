"""Where tools judge the same code differently: why fault rates of two tools cannot be compared."""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.catalog.code import Code
from clusterctl.catalog.sources import opinions
from clusterctl.catalog.table import Catalogue

MILD = ("IGNORE", "RESTART_APP")
"""NVIDIA's buckets that leave the GPU in service."""
HARD = ("RESET_GPU", "RESTART_BM", "RESTART_VM", "RUN_FIELDDIAG", "WORKFLOW_XID_48", "WORKFLOW_NVLINK_ERR")
"""Buckets that take the GPU or node out of service."""


@dataclass(frozen=True, slots=True)
class Line:
    """One code on which they differ; an empty cell means that a source says nothing."""

    code: str
    nvidia: str
    dcgm: str
    gpud: str
    device_plugin: str
    here: str


def differing(site: Catalogue) -> list[Line]:
    """Xids of the newest drivers that one of them takes for a hard fault and another does not."""
    newest = [row for (kind, code) in site.rows if kind == "xid" and (row := site.lookup(kind, code))]
    return [_line(row) for row in newest if len({verdict for verdict in _verdicts(row) if verdict is not None}) > 1]


def _verdicts(row: Code) -> list[bool | None]:
    """Hard fault, not, or no opinion: NVIDIA, DCGM, gpud, device plugin."""
    said = opinions(row)
    nvidia = True if row.nvidia_immediate in HARD else False if row.nvidia_immediate in MILD else None
    return [
        nvidia,
        {"FAIL": True, "WARN": False}.get(_word(said.get("dcgm", ""))),
        {"Fatal": True, "Warning": False, "Info": False}.get(_word(said.get("gpud", ""))),
        {"fault": True, "skip": False, "no": False}.get(said.get("k8s-device-plugin", "")),
    ]


def _word(opinion: str) -> str:
    return opinion.partition(":")[0]


def _line(row: Code) -> Line:
    said = opinions(row)
    return Line(
        row.code,
        row.nvidia_immediate,
        _word(said.get("dcgm", "")),
        _word(said.get("gpud", "")),
        said.get("k8s-device-plugin", ""),
        row.hw_fault_kpi,
    )
