"""The report as JSON, which is the contract: documented in docs/report.md, its schema in docs/report.schema.json."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec

from clusterctl.analytics.reports import model

PYTHON_NAMES = {"cls": "class"}
"""Keys that a Python attribute cannot be called."""
FINGERPRINT_LETTERS = 12


def to_json(report: model.Report) -> str:
    """Numbers unrounded; what is unknown is null."""
    return msgspec.json.format(msgspec.json.encode(_renamed(msgspec.to_builtins(report))), indent=2).decode()


def _renamed(told: object) -> object:
    if isinstance(told, dict):
        return {PYTHON_NAMES.get(name, name): _renamed(value) for name, value in told.items()}
    return [_renamed(entry) for entry in told] if isinstance(told, list) else told


def fingerprint(report: model.Report) -> str:
    """The same for two reports that say the same, whenever they were made."""
    told = to_json(replace(report, generated_at=""))
    return hashlib.sha256(told.encode()).hexdigest()[:FINGERPRINT_LETTERS]
