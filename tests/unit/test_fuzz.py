"""The fuzzer itself, in a few seconds; `make fuzz` takes longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz.mutate import inputs, seeds
from tests.fuzz.targets import TARGETS

INPUTS = 20_000


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_input_breaks_a_promise(name: str) -> None:
    assert seeds(name) != [b""], "a target has a corpus"
    assert fuzz.attack(name, TARGETS[name], INPUTS // len(TARGETS), 20_260_101) == 0


def test_the_same_seed_gives_the_same_inputs() -> None:
    assert list(inputs("kmsg_parse", 7, 2_000)) == list(inputs("kmsg_parse", 7, 2_000))
    assert list(inputs("kmsg_parse", 7, 2_000)) != list(inputs("kmsg_parse", 8, 2_000))


def test_a_broken_promise_is_found_saved_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "CRASHES", tmp_path / "crashes")

    def fragile(data: bytes) -> None:
        if b"\xff" in data:
            raise ValueError("no such byte")

    assert fuzz.attack("kmsg_parse", fragile, 5_000, 1) == fuzz.MAX_CRASHES
    saved = list((tmp_path / "crashes").iterdir())
    assert saved
    assert all(b"\xff" in path.read_bytes() for path in saved)


def test_the_command_says_how_fast_and_how_many() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", "500", "--seed", "3", "--target", "kmsg_record"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert "kmsg_record: 500 inputs" in done.stdout
    assert "inputs/s, 0 crashes" in done.stdout
