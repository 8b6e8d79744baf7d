"""The catalogue of words: complete, its places equal, and nothing in it that nobody says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from clusterctl.analytics import stats
from clusterctl.analytics.reports import compare
from clusterctl.analytics.reports.build import reference_lines
from clusterctl.analytics.reports.definitions import DEFINITIONS
from clusterctl.analytics.reports.words import Words, catalogue, data_file
from clusterctl.schema.verdict import Action

REPORTS = Path(__file__).resolve().parents[2] / "analytics" / "reports"
FROM_DATA = {"values", "sentences", "definitions", "actions"}
UNITS = {"s", "min", "h", "d"}
"""Of durations, which `seconds_text` picks."""
PLACE = re.compile(r"\{(\w*)\}")


def spoken() -> Iterator[str]:
    """Every sentence that the pages say: the first argument of each call of `w`."""
    for path in REPORTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "w" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield str(first.value)


def test_every_sentence_has_its_chinese() -> None:
    said = set(spoken())
    assert len(said) > 250
    assert sorted(said - set(catalogue("zh"))) == []


def test_nothing_is_in_the_catalogue_that_nobody_says() -> None:
    sections = data_file("words_zh.toml")
    ours = {english for name, section in sections.items() if name not in FROM_DATA for english in section}
    assert sorted(ours - set(spoken()) - UNITS) == []


def test_places_are_equal() -> None:
    for english, chinese in catalogue("zh").items():
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(chinese)), english
        assert chinese.strip() or not english.strip()


def test_no_sentence_is_declared_twice() -> None:
    sections = data_file("words_zh.toml").values()
    assert sum(len(section) for section in sections) == len(catalogue("zh"))


def test_what_the_data_say_is_known() -> None:
    chinese = Words("zh")
    closed = [stats.BELOW, stats.ABOVE, stats.NOT_COVERED, stats.NOT_ATTRIBUTED, stats.NOT_EXPOSED]
    closed += [compare.WORSE, compare.BETTER, compare.SAME, compare.NOT_EXPOSED, compare.NOT_TESTED]
    published = [text for line in reference_lines() for text in (line.name, line.rule, line.basis, line.evidence)]
    for text in [*closed, *DEFINITIONS, *published, *(action.meaning for action in Action)]:
        if re.search("[a-z]{4}", text) and not text.startswith(("504", "Meta")):
            assert chinese.told(text) != text, text


def test_numbers_of_a_sentence_are_kept_in_their_order() -> None:
    chinese = Words("zh")
    told = chinese.told("4,095 GPUs seen of 4,096 on the PCI bus; 62 of 62.5 node-minutes watched; something new: 7")
    assert told == "可见 4,095 块 GPU，PCI 总线上共 4,096 块；已监控 62 / 62.5 节点分钟；something new: 7"
    assert chinese.told("all new 7; and 8") == "all new 7; and 8"


def test_braces_of_the_world_are_no_places() -> None:
    for lang in ("en", "zh"):
        w = Words(lang)
        assert w.told("{0} GPUs seen {__class__}") == "{0} GPUs seen {__class__}"
        assert "{cluster}" in w("{what}: {names}{rest}.", what="{cluster}", names="{0}", rest="")


def test_kpi_names_are_those_of_the_field() -> None:
    chinese = Words("zh")
    assert chinese("Faults per 1000 GPU-days") == "千卡单日故障数"
    assert chinese("Communication share of training time") == "通信时间占比"
