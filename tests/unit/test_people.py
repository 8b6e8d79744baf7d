"""What people read and write: times, tables, Markdown, CSV, help."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from clusterctl.analytics.imports.printed import printed_warnings
from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.render import to_csv, to_json, to_markdown
from clusterctl.analytics.stats import rate_of, verdict_of
from clusterctl.cli import app
from clusterctl.errors import InputError
from clusterctl.terminal import clean
from clusterctl.timetext import parse_moment, parse_time

EVIL = "\x1b[31m<script>|`x`\u202egnp.exe\x07\n=cmd()"


def evil_report() -> model.Report:
    rate = rate_of(3, 1000.0, "in_service")
    line = model.Line(3, rate)
    cause = model.Cause(EVIL, "hardware", EVIL, 3, 1.0)
    cluster = model.ClusterReport(
        name="=" + EVIL,
        window=model.Window("2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z", 744.0),
        faults=model.Faults(
            3, model.GpuDays(1000.0, None, None), rate, [rate], [cause], [verdict_of(3, 0, 1000.0, 0.48, covered=True)],
            0, 0.0, 0, 0),
        interruptions=model.Interruptions(3, rate, rate, 8, 248.0, [cause], [], [], line, 248.0),
        lines=model.Lines(line, line, line, line, line),
        coverage=model.Coverage("imported", None, 0, 0, 0, 0, 0, 0, 0, None, None, [], EVIL),
        hosts=[], ports=[],
        incidents=[model.IncidentLine("2026-01-02T00:00:00.000Z", None, "infrastructure", "hardware", EVIL, "fault", EVIL,
                                      EVIL, 1, 1, 1, "", EVIL)],
        warnings=[EVIL],
    )  # fmt: skip
    return model.Report(1, "2026-02-01T00:00:00.000Z", [cluster], [], [EVIL], "v", "0")


def test_markdown_keeps_hostile_text_as_text() -> None:
    text = to_markdown(evil_report())
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    for line in text.splitlines():
        if line.startswith("| ") and "hardware" in line:
            assert line.replace("\\|", "").count("|") == 5, "no text ends its cell"


def test_csv_is_no_formula() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(evil_report()))))
    assert len({len(row) for row in rows}) == 1
    assert all(row[0].startswith("'=") for row in rows[1:])


def test_json_is_not_rounded_and_says_class() -> None:
    made = msgspec.json.decode(to_json(evil_report()))
    faults = made["clusters"][0]["faults"]
    assert faults["per_1000_gpu_days"]["high"] == rate_of(3, 1000.0, "").high
    assert faults["by_cause"][0]["class"] == "hardware"
    assert faults["gpu_days"]["capacity"] is None


def test_no_rate_without_count_exposure_and_interval_in_any_format() -> None:
    report = evil_report()
    for text in (to_json(report), to_markdown(report), to_csv(report)):
        for number in ("3", "1000", "0.61"):
            assert number in text.replace(",", "")


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
        lines = [line.strip() for line in shown.output.splitlines()]
        options = [line for line in lines if line.startswith("--")]
        assert len(shown.output) > 80, path
        assert all(len(option.split("  ")) > 1 or len(option) > 40 for option in options if option != "--help"), (
            path,
            options,
        )
