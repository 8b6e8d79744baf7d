"""A short run of the chaos harness: two seeds with several faults each. `make chaos` runs many (docs/chaos.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.ground import Ground
from tests.chaos.seed import play
from tests.support.fetch import Missing

pytestmark = [pytest.mark.kafka, pytest.mark.clickhouse, pytest.mark.slow]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Servers of its own, since they are killed."""
    try:
        made = Ground(tmp_path_factory.mktemp("ground"))
    except Missing as missing:
        pytest.skip(str(missing))
    yield made
    made.close()


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", [13, 40])
def test_a_seed_loses_nothing_and_doubles_nothing(ground: Ground, tmp_path: Path, seed: int) -> None:
    """13: collectors and an agent are held, one is stopped and started, one replaced while it hangs. 40: one is replaced
    while it hangs, the server is killed, poison."""
    outcome = play(seed, ground, tmp_path, print)
    assert outcome.findings.words == [], outcome.line()
    assert outcome.tally.acknowledged > 500
    assert outcome.tally.rows > outcome.tally.acknowledged
