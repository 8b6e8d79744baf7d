"""`clusterctl calc share` and `links`."""

from __future__ import annotations

from typing import Annotated

import typer

from clusterctl.commands.calc_input import MOST, FormatOption, number
from clusterctl.commands.calc_output import as_json, facts, percent, short
from clusterctl.commands.common import ShortFormat
from clusterctl.errors import InputError


def share(
    before: Annotated[float, typer.Argument(help="Exposed communication before, percent of the step.")],
    after: Annotated[float, typer.Argument(help="And after.")],
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """How much shorter a step gets when the exposed share of communication falls and the compute stays.

    Example: clusterctl calc share 12 6"""
    from clusterctl.analytics.stats.share import shortening

    try:
        found = shortening(before / 100, after / 100)
    except ValueError as error:
        raise InputError(str(error), hint="in percent: clusterctl calc share 12 6") from error
    made = {"before": before / 100, "after": after / 100, **_of(found.step_shorter, found.throughput_gain)}
    if not as_json(output, made):
        facts(
            ("a step gets shorter by", percent(found.step_shorter, 1)),
            ("steps per hour", f"{100 * found.throughput_gain:+.1f} %"),
        )


def _of(step_shorter: float, throughput_gain: float) -> dict[str, float]:
    return {"step_shorter": step_shorter, "throughput_gain": throughput_gain}


def links(
    links: Annotated[int, typer.Option(min=1, max=MOST, help="How many links (or anything else that fails).")],
    percent_per_month: Annotated[float, typer.Option(help="Percent of them that fail in a month.")],
    months: Annotated[float, typer.Option(help="Months to look at.")] = 1.0,
    output: FormatOption = ShortFormat.TABLE,
) -> None:
    """How many links to expect to fail, and what 19 of 20 such periods stay within.

    Example: clusterctl calc links --links 3000 --percent-per-month 0.057"""
    from clusterctl.analytics.stats.scaling import expected_failures

    per_month = number("--percent-per-month", percent_per_month) / 100
    found = expected_failures(per_month, links, number("--months", months, over=True))
    if not as_json(output, {"links": links, "share_per_month": per_month, "months": months, "failures": found}):
        facts(
            ("failures to expect", short(found.mean, 2)),
            ("19 of 20 times", f"{found.low:,} to {found.high:,}"),
            ("chance of none", percent(found.none, 1)),
        )
