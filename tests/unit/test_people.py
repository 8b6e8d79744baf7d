"""What people read and write: times, printed numbers, help."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from clusterctl.analytics.imports.printed import printed_warnings
from clusterctl.cli import app
from clusterctl.errors import InputError
from clusterctl.terminal import LINE_EVERY_S, clean, progress
from clusterctl.timetext import parse_moment, parse_time
from tests.support.clock import HandClock


@given(st.text(max_size=300))
def test_cleaned_text_cannot_move_the_cursor(text: str) -> None:
    safe = clean(text)
    assert safe.isprintable() or all(
        char.isprintable() or char in "\u2028\u2029\xa0\u3000" or char.isspace() for char in safe
    )
    assert not set(safe) & set("\x1b\x07\x08\r\n\t\x9b\u202e\u2066")
    assert len(safe) <= 200


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-02", 86_400_000), ("1970-01-01T00:00:01.5Z", 1_500), ("1970-01-01 01:00:00+01:00", 0),
        ("1970-01-01T08:00:00.123456789+0800", 123), ("1970-01-01T00:00Z", 0),
    ],
)  # fmt: skip
def test_times(text: str, ms: int) -> None:
    assert parse_time(text) == ms


@pytest.mark.parametrize("text", ["", " ", "yesterday", "2026-13-01", "1e9", "2026-01-01T25:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_time(text)


@given(st.text(max_size=40))
def test_times_never_fail_otherwise(text: str) -> None:
    try:
        parse_time(text)
    except InputError:
        return


def test_spans_before_now() -> None:
    assert parse_moment("30d", 10**12) == 10**12 - 30 * 86_400_000
    assert parse_moment("90 min", 10**12) == 10**12 - 5_400_000
    assert parse_moment("now", 7) == 7


def test_printed_percentages_that_are_right_are_not_remarked() -> None:
    assert printed_warnings([("a", "x", 1, "33.3"), ("b", "x", 2, "66.7")]) == []
    assert printed_warnings([("a", "", 1, ""), ("b", "", 2, "")]) == []
    assert printed_warnings([("a", "", 0, "5")]) == []


def commands(path: list[str], group: object) -> list[list[str]]:
    children = getattr(group, "commands", {})
    return [path, *(deep for name, child in children.items() for deep in commands([*path, name], child))]


def test_every_command_and_option_explains_itself() -> None:
    import typer

    for path in commands([], typer.main.get_command(app)):
        shown = CliRunner().invoke(app, [*path, "--help"])
        assert shown.exit_code == 0
        lines = shown.output.splitlines()
        options = [place for place, line in enumerate(lines) if line.strip().startswith("--")]
        assert len(shown.output) > 80, path
        for place in options:
            below = lines[place + 1] if place + 1 < len(lines) else ""
            # a long name has its words on the line below
            explained = "  " in lines[place].strip() or below.startswith(" " * 12)
            assert explained, (path, lines[place])


def test_progress_into_a_file_is_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """A year of hours, forty in a second."""
    clock = HandClock()
    with progress(8_760.0, "looking", clock) as step:
        for hour in range(8_760):
            step(f"hour {hour}\x1b[31m", float(hour))
            clock.sleep_s(0.025)
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith("hour 0 [31m"), "at once"
    assert len(said) == pytest.approx(8_760 * 0.025 / LINE_EVERY_S, abs=1)
    assert len(set(said)) == len(said)
