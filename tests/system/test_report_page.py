"""The HTML report in a real browser: wide and narrow, light and dark, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterctl.analytics.reports.render import text_of
from tests.support import browser
from tests.support.report_fixture import EVIL, full_report

DESK, PHONE, PAPER = (1280, 900), (390, 844), (794, 1123)
SCREENS = [
    (*size, scheme, media)
    for size, media in ((DESK, "screen"), (PHONE, "screen"), (PAPER, "print"))
    for scheme in ("light", "dark")
]
OVERFLOWING = """(width => [...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect(), style = getComputedStyle(e);
  const scrolls = e.closest('nav ul') || e.closest('svg');
  return box.width && !scrolls && style.position !== 'absolute' && box.right > width + 1 && !e.closest('thead');
}).slice(0, 5).map(e => e.outerHTML.slice(0, 160)))
"""
"""Takes the width that was asked for: a phone zooms out to what overflows, and `innerWidth` with it."""
CHARTS = """
[...document.querySelectorAll('figure')].map(figure => [...figure.querySelectorAll('svg')]
  .filter(svg => svg.getAttribute('aria-label') && svg.getBoundingClientRect().width > 250)
  .filter(svg => svg.getBoundingClientRect().height > 100)
  .map(svg => Math.min(...[...svg.querySelectorAll('text')].map(text => text.getBoundingClientRect().height))))
"""
FAINT = """
(() => {
  const numbers = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const under = e => {
    for (; e; e = e.parentElement) {
      const told = numbers(getComputedStyle(e).backgroundColor);
      if (told.length === 3 || told[3] > 0) return told;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getBoundingClientRect().width) continue;
    const style = getComputedStyle(e), ink = numbers(e.closest('svg') ? style.fill : style.color);
    const a = light(ink), b = light(under(e)), contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push([contrast.toFixed(2), e.outerHTML.slice(0, 120)]);
  }
  return found.slice(0, 5);
})()
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[browser.Browser]:
    binary = browser.found()
    if binary is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with browser.Browser(binary) as running:
        yield running


@pytest.fixture(scope="module", params=["en", "zh"])
def page(
    chromium: browser.Browser, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> browser.Browser:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(text_of(full_report(), "html", request.param), encoding="utf-8")
    chromium.open(path)
    return chromium


def test_it_asks_for_nothing_and_complains_of_nothing(page: browser.Browser) -> None:
    assert [url.rpartition("/")[2] for url in page.requests()] == ["report.html"]
    assert page.complaints() == []
    assert page.eval("document.querySelectorAll('script, img, iframe, link, object').length") == 0


@pytest.mark.parametrize(("width", "height", "scheme", "media"), SCREENS)
def test_it_fits_and_can_be_read(page: browser.Browser, width: int, height: int, scheme: str, media: str) -> None:
    page.screen(width, height, scheme=scheme, media=media)
    assert page.eval("document.documentElement.scrollWidth") <= width
    assert page.eval(f"{OVERFLOWING}({width})") == []
    charts = page.eval(CHARTS)
    assert len(charts) == 5
    for drawn in charts:
        assert len(drawn) == 1, "of the two drawings of a chart one is shown"
        assert drawn[0] >= 9, "letters of a chart are readable"
    assert page.eval(FAINT) == []


def test_dark_is_dark_and_paper_is_white(page: browser.Browser) -> None:
    shades = {}
    for width, height, scheme, media in SCREENS:
        page.screen(width, height, scheme=scheme, media=media)
        shades[scheme, media] = page.eval("getComputedStyle(document.documentElement).backgroundColor")
    assert shades["light", "screen"] == shades["light", "print"] == shades["dark", "print"] == "rgb(255, 255, 255)"
    assert shades["dark", "screen"] == "rgb(20, 24, 28)"


def test_it_is_told_to_those_who_do_not_see(page: browser.Browser) -> None:
    page.screen(1280, 900)
    assert page.eval("document.documentElement.lang") in ("en", "zh-Hans")
    assert page.eval("[...document.querySelectorAll('table')].every(t => t.querySelector('thead th[scope=col]'))")
    ids = page.eval("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    labels = page.eval(
        "[...document.querySelectorAll('[aria-labelledby]')].map(e => e.getAttribute('aria-labelledby'))"
    )
    uses = page.eval("[...document.querySelectorAll('use, a')].map(e => e.getAttribute('href').slice(1))")
    assert set(labels) | set(uses) <= set(ids)
    assert page.eval("document.querySelectorAll('details table').length") >= 1, "a chart's numbers as a table"


def test_what_is_hostile_is_only_text(page: browser.Browser) -> None:
    shown = page.eval("document.body.innerText")
    assert "<script>" in shown
    assert not set(shown) & set("\x1b\x07\u202e")
    assert EVIL not in shown


def test_these_checks_can_fail(chromium: browser.Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    worse = ".window { color: #cccccc; } dd { white-space: nowrap; } figure svg.wide { width: 10px; }</style>"
    path.write_text(text_of(full_report(), "html").replace("</style>", worse, 1), encoding="utf-8")
    chromium.open(path)
    chromium.screen(*PHONE)
    assert chromium.eval(FAINT) != []
    assert chromium.eval(f"{OVERFLOWING}({PHONE[0]})") != []
    chromium.screen(*DESK)
    assert [drawn for drawn in chromium.eval(CHARTS) if drawn] == []


def test_a_page_that_was_tampered_with_could_do_nothing(chromium: browser.Browser, tmp_path: Path) -> None:
    """The policy of the page itself: a script and an image that somebody put in are refused."""
    path = tmp_path / "report.html"
    bad = '<script>document.title = "run"</script><img src="x.png"></body>'
    path.write_text(text_of(full_report(), "html").replace("</body>", bad), encoding="utf-8")
    chromium.open(path)
    assert chromium.eval("document.title") != "run"
    assert len(chromium.complaints()) >= 2, "the policy says that it refused"
