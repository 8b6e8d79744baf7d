"""`clusterctl calc`: the statistics of the reports for people who have only numbers. Nothing is read from a store."""

from __future__ import annotations

import typer

from clusterctl.commands import calc_days, calc_groups, calc_job, calc_mttf, calc_rate, calc_share

NAME = "calc"
app = typer.Typer(no_args_is_help=True, help="Rates, verdicts, plans and tests from numbers you have.")
app.command("rate")(calc_rate.rate)
app.command("verdict")(calc_rate.verdict)
app.command("power")(calc_rate.power)
app.command("mttf")(calc_mttf.mttf)
app.command("ettr")(calc_job.ettr)
app.command("checkpoint")(calc_job.checkpoint)
app.command("compare")(calc_groups.compare)
app.command("lemon")(calc_groups.lemon)
app.command("dispersion")(calc_days.dispersion)
app.command("share")(calc_share.share)
app.command("links")(calc_share.links)


@app.callback()
def calc() -> None:
    """Rates, verdicts, plans and tests from numbers you have, by the formulas of docs/kpi.md."""
