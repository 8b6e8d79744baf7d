"""Formats of a report by their names. JSON is the contract; all others are views of the same data."""

from __future__ import annotations

from clusterctl.analytics.reports import model
from clusterctl.analytics.reports.csv_text import to_csv
from clusterctl.analytics.reports.json_text import to_json
from clusterctl.analytics.reports.markdown import to_markdown
from clusterctl.analytics.reports.pages import page_of
from clusterctl.analytics.reports.words import ENGLISH, Words

FORMATS = ("json", "md", "csv", "html")


def text_of(report: model.Report, format_: str, lang: str = ENGLISH) -> str:
    """The report in one of FORMATS. JSON and CSV are for programs and have one language."""
    if format_ == "json":
        return to_json(report) + "\n"
    if format_ == "csv":
        return to_csv(report)
    w = Words(lang)
    page = page_of(report, w)
    if format_ == "md":
        return to_markdown(page, w)
    from clusterctl.analytics.reports.html_text import to_html  # brings a plotting library, which takes half a second

    return to_html(page, w)
