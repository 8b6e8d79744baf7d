"""The short form of `make accuracy`: a few fleets whose truth is known, docs/accuracy.md. A measure fails here only where
chance does not explain it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accuracy.end_to_end import through_the_command_line
from tests.accuracy.fleet import judge_fleet
from tests.accuracy.fleets import JUDGED, settings_of
from tests.accuracy.table import measures

SEEDS, NODES, DAYS = (1, 2, 101, 102), 512, 30.0


@pytest.mark.parametrize("kind", JUDGED)
def test_incidents_rates_and_units_are_what_was_simulated(kind: str) -> None:
    found = measures([judge_fleet(kind, settings_of(kind, seed, NODES, DAYS)) for seed in SEEDS])
    assert found[0].trials > 50
    assert [measure.line() for measure in found if measure.excluded] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_command_line_reports_what_was_simulated(tmp_path: Path) -> None:
    seen = through_the_command_line(7, tmp_path / "fleet")
    assert seen.faults_true >= 10
    assert seen.faults_matched >= 0.9 * seen.faults_true
    assert abs(seen.faults_found - seen.faults_true) <= 0.1 * seen.faults_true
    assert seen.low <= seen.rate_true <= seen.high
    for basis in ("in_service", "capacity", "allocated"):
        found = seen.gpu_days_found[basis]
        assert found == pytest.approx(seen.gpu_days_true[f"watched_{basis}"], rel=0.01), basis
