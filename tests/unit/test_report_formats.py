"""A report in every format: complete rates, harmless text, the same bytes for the same data, a schema that holds."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.figures import gpu_days_text, rate_digits
from clusterctl.analytics.reports.json_text import fingerprint, to_json
from clusterctl.analytics.reports.render import FORMATS, text_of
from clusterctl.analytics.reports.schema import json_schema
from clusterctl.analytics.reports.sheet import show
from clusterctl.analytics.reports.words import LANGUAGES, Words
from clusterctl.analytics.stats import Rate, rate_of
from clusterctl.errors import InputError
from tests.support.report_fixture import EVIL, bare, full_report, imported, report, rich, thin

VOID = {"meta", "link", "br"}
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "h1", "h2", "h3", "h4", "nav", "ul", "li", "main",
    "section", "p", "div", "span", "i", "b", "u", "bdi", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th",
    "td", "figure", "figcaption", "strong", "details", "summary", "footer", "svg", "g", "path", "defs", "use", "text",
    "clippath", "rect",
}  # fmt: skip


def evil_report() -> model.Report:
    """The worst text in every place that a cluster can write to."""
    return report(poisoned(rich()), poisoned(thin()))


def poisoned(told: Any) -> Any:
    if isinstance(told, str):
        return "=" + EVIL if not re.match(r"\d{4}-", told) else told
    if isinstance(told, list):
        return [poisoned(entry) for entry in told]
    if isinstance(told, dict):
        return {f"{EVIL}{n}": poisoned(value) for n, value in enumerate(told.values())}
    if is_dataclass(told) and not isinstance(told, type):
        changed = {field.name: poisoned(getattr(told, field.name)) for field in fields(told)}
        return replace(told, **changed)
    return told


class Strict(HTMLParser):
    """Fails on tags that do not match or are not ours; keeps texts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("src", "action", "formaction"), name
            assert name != "href" or str(value).startswith("#"), value
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


def parsed(html: str) -> Strict:
    parser = Strict()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def in_terminal(
    told: model.Report,
    width: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    lang: str = "en",
) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    show(told, lang)
    return capsys.readouterr().out


# A rate never leaves without count, exposure and interval.


def numbered(told: Any, counter: Iterator[int]) -> Any:
    """Every rate of the report replaced by one whose five numbers are nobody else's."""
    if isinstance(told, Rate):
        n = next(counter)
        return Rate(6 + n / 1000, 3 + n / 1000, 9 + n / 1000, told.basis, told.method, 10_000 + n, 200_000 + n)
    if isinstance(told, list):
        return [numbered(entry, counter) for entry in told]
    if is_dataclass(told) and not isinstance(told, type):
        return replace(told, **{field.name: numbered(getattr(told, field.name), counter) for field in fields(told)})
    return told


def rates_of(told: Any) -> Iterator[Rate]:
    if isinstance(told, Rate):
        yield told
    elif isinstance(told, list):
        for entry in told:
            yield from rates_of(entry)
    elif is_dataclass(told) and not isinstance(told, type):
        for field in fields(told):
            yield from rates_of(getattr(told, field.name))


def marks(rate: Rate) -> list[str]:
    """How a person's format writes the numbers of such a rate."""
    rates = [rate_digits(value or 0) for value in (rate.value, rate.low, rate.high)]
    return [*rates, f"{rate.count:,}", gpu_days_text(Words(), rate.gpu_days)]


@pytest.fixture(scope="module")
def numbered_report() -> model.Report:
    return report(numbered(rich(), iter(range(999))))


@pytest.mark.parametrize("format_", ["md", "html", "table 80", "table 120", "table 400"])
def test_a_rate_is_never_without_what_it_stands_on(
    numbered_report: model.Report, format_: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, _, width = format_.partition(" ")
    text = in_terminal(numbered_report, int(width), capsys, monkeypatch) if width else text_of(numbered_report, table)
    rows = re.split(r"</tr>|</p>|</dd>|</div>|</li>|</figcaption>", text) if table == "html" else text.splitlines()
    shown = 0
    for value, *others in map(marks, rates_of(numbered_report)):
        if value in text:
            shown += 1
            assert all(mark in text for mark in others), (value, others)
        if width not in ("80", "120") and table != "html":
            assert all(all(mark in row for mark in others) for row in rows if value in row), (value, others)
        elif table == "html":
            assert any(all(mark in row for mark in [value, *others]) for row in rows) or value not in text
    assert shown >= 40


def test_a_rate_in_csv_has_all_its_numbers(numbered_report: model.Report) -> None:
    rows = list(csv.DictReader(io.StringIO(text_of(numbered_report, "csv"))))
    told = {(row["value"], row["low_95"], row["high_95"], row["count"], row["gpu_days"], row["basis"]) for row in rows}
    found = list(rates_of(numbered_report))
    assert len(found) > 70
    for rate in found:
        assert tuple(map(str, (rate.value, rate.low, rate.high, rate.count, rate.gpu_days, rate.basis))) in told
    values = {str(rate.value) for rate in found}
    assert all(row["low_95"] and row["count"] and row["gpu_days"] for row in rows if row["value"] in values)


def test_the_schema_refuses_a_bare_rate() -> None:
    data = json.loads(to_json(full_report()))
    validator = jsonschema.Draft202012Validator(json_schema())
    validator.validate(data)
    for key in ("low", "high", "count", "gpu_days"):
        broken = json.loads(json.dumps(data))
        broken["clusters"][0]["faults"]["per_1000_gpu_days"][key] = None
        assert list(validator.iter_errors(broken)), key


def test_a_rate_that_lacks_something_is_no_rate() -> None:
    lacking = replace(rate_of(3, 1000.0, "in_service"), gpu_days=None)
    cluster = bare("x", model.GpuDays(1000.0, None, None), faults=3)
    told = report(replace(cluster, faults=replace(cluster.faults, per_1000_gpu_days=lacking, by_basis=[lacking])))
    for format_ in ("md", "html"):
        assert "no rate" in text_of(told, format_)
        assert "3.000" not in text_of(told, format_)
    assert "3.0," not in text_of(told, "csv")


# The contract.


@pytest.mark.parametrize(
    "told", [full_report(), evil_report(), report(), report(imported(), generated_at="2026-11-01T00:00:00.000Z")]
)
def test_json_is_what_the_schema_says(told: model.Report) -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    data = json.loads(to_json(told))
    jsonschema.Draft202012Validator(schema).validate(data)
    assert data["report_version"] == model.REPORT_VERSION
    assert "cls" not in to_json(told)


def test_the_schema_refuses_what_it_does_not_know() -> None:
    data = json.loads(to_json(full_report()))
    data["clusters"][0]["faults"]["odd"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema()).validate(data)
    del data["clusters"][0]["faults"]["odd"], data["clusters"][0]["faults"]["count"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema()).validate(data)


def test_every_key_of_the_contract_is_documented() -> None:
    from clusterctl.analytics.reports.schema import _parts
    from clusterctl.analytics.reports.words import data_file

    definitions = json_schema()["$defs"]
    silent = [
        f"{name}.{key}"
        for name, told in definitions.items()
        for key, value in told["properties"].items()
        if not value.get("description") and not _parts(value)
    ]
    assert silent == []
    foreign = [
        f"{name}.{key}"
        for name, keys in data_file("report_keys.toml").items()
        for key in keys
        if name != "any" and key not in definitions.get(name, {"properties": {}})["properties"]
    ]
    assert foreign == []


def test_numbers_of_json_are_not_rounded() -> None:
    made = json.loads(to_json(full_report()))["clusters"][0]["faults"]
    assert made["per_1000_gpu_days"]["high"] == rate_of(40, 118_204.5, "").high
    assert json.loads(to_json(full_report()))["clusters"][1]["faults"]["gpu_days"]["capacity"] is None


# Reproducible.


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_data_give_the_same_bytes(format_: str) -> None:
    assert text_of(full_report(), format_) == text_of(full_report(), format_)


def test_the_moment_is_told_only_when_asked() -> None:
    stamped = replace(full_report(), generated_at="2031-03-03T03:03:00.000Z")
    for format_ in ("json", "md", "html"):
        assert "2031-03-03" not in text_of(full_report(), format_)
        assert "2031-03-03" in text_of(stamped, format_)
    assert fingerprint(stamped) == fingerprint(full_report())
    other = report(rich(), thin())
    assert fingerprint(other) != fingerprint(full_report())
    assert fingerprint(other) in text_of(other, "html")


# Hostile text.


@pytest.mark.parametrize("lang", LANGUAGES)
def test_html_keeps_hostile_text_as_text(lang: str) -> None:
    html = text_of(evil_report(), "html", lang)
    told = parsed(html)
    assert "script" not in told.tags
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert any("<script>|`x`" in text for text in told.texts)
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src 'none'" in html


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1, max_size=80))
def test_no_name_changes_the_structure_of_the_page(name: str) -> None:
    def tags(cluster: str, warning: str) -> list[str]:
        told = replace(bare(cluster, model.GpuDays(1e4, None, None), 2, 1, 3), warnings=[warning])
        return parsed(text_of(report(told), "html")).tags

    assert tags(name, name) == tags("alpha", "a warning")


def test_markdown_keeps_hostile_text_as_text() -> None:
    text = text_of(evil_report(), "md")
    for bad in ("<script>", "\x1b", "\u202e", "\x07"):
        assert bad not in text
    widths: set[int] = set()
    for line in text.splitlines():
        if line.startswith("|---"):
            widths = {line.count("|")}
        elif line.startswith("| ") and widths:
            assert line.replace("\\|", "").count("|") in widths, line
        elif not line.startswith("|"):
            widths = set()


def test_csv_is_no_formula_and_square() -> None:
    rows = list(csv.reader(io.StringIO(text_of(evil_report(), "csv"))))
    assert len({len(row) for row in rows}) == 1
    for row in rows[1:]:
        assert not any(cell.startswith(("=", "+", "@", "-[", "\t", "\r")) for cell in row), row
        assert all("\x1b" not in cell and "\n" not in cell for cell in row)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_is_never_overrun_and_no_number_cut(
    width: int, lang: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from clusterctl.terminal import cells

    text = in_terminal(evil_report(), width, capsys, monkeypatch, lang)
    assert not set(text) & set("\x07\u202e\u2068")
    text = in_terminal(full_report(), width, capsys, monkeypatch, lang)
    for line in text.splitlines():
        assert cells(line) <= width, line
        for cut in re.findall(r"(\S*)…", line):
            assert not re.fullmatch(r"[\d.,:;()%~～×÷-]*\d[\d.,:;()%~～×÷-]*", cut), f"a number is cut: {line}"
    assert "2026-10-29 2…" not in text


def test_sections_without_data_say_what_would_fill_them() -> None:
    text = text_of(report(thin()), "md")
    for words in ("job hook", "clusterctl import inventory", "--compare", "no exposure", "agent run", "node states"):
        assert words in text, words
    assert "| | |" not in text


def test_a_format_or_language_that_is_none() -> None:
    with pytest.raises(InputError, match="no such language"):
        text_of(report(), "md", "tlh")


def test_long_lists_are_cut_with_their_rest_counted() -> None:
    causes = [model.Cause(f"cause {n}", "hardware", "", 100 - n, 0.01) for n in range(30)]
    stops = replace(rich().interruptions, by_cause=causes)
    text = text_of(report(replace(rich(), costs=[], interruptions=stops)), "md")
    assert "18 more" in text
    assert "cause 11" in text
    assert "cause 12" not in text


def test_a_trend_of_few_faults_has_few_points_and_adds_before_it_divides() -> None:
    from clusterctl.analytics.reports.pages.trend import joined, stretch_of

    points = rich().trend.points
    assert stretch_of(points) == 3, "40 faults in 30 days: 13 points at most"
    shown = joined(points, 3)
    assert (len(shown), shown[0].since, shown[-1].until) == (10, points[0].since, points[-1].until)
    assert sum(point.count for point in shown) == 40
    assert shown[0].rate == rate_of(sum(p.count for p in points[:3]), sum(p.gpu_days for p in points[:3]), "in_service")
    assert joined(points, 1) == points
    quiet = [replace(point, count=0) for point in points] * 20
    assert stretch_of(quiet) == 28
    busy = [replace(point, count=9) for point in points]
    assert stretch_of(busy) == 1


def test_a_change_stands_where_it_was_also_within_a_point() -> None:
    from clusterctl.analytics.reports.charts import place_of
    from clusterctl.analytics.reports.pages.trend import joined

    points = joined(rich().trend.points, 3)
    assert place_of(points, points[0].since) == -0.5
    assert place_of(points, points[5].since) == 4.5
    assert place_of(points, "2026-10-03T12:00:00.000Z") == pytest.approx(-0.5 + 2.5 / 3)
    assert place_of(points, points[-1].until) == len(points) - 0.5
