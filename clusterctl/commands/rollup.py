"""`clusterctl rollup`: closed hours and days from samples and presence."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from clusterctl.clock import SystemClock
from clusterctl.commands.common import ShortFormat, config_of, ready_store
from clusterctl.errors import InputError
from clusterctl.terminal import Sheet, progress
from clusterctl.timetext import parse_moment


def rollup(
    context: typer.Context,
    since: Annotated[
        str,
        typer.Option(help="Compute again from here: 2026-11-01, 2026-11-01T10:00Z, or a span before now: 30d, 24h."),
    ] = "",
    until: Annotated[str, typer.Option(help="Up to here, exclusive; the same forms. Now, if not given.")] = "",
    format: Annotated[ShortFormat, typer.Option(help="table or json.")] = ShortFormat.TABLE,
) -> None:
    """Compute what is due: hours and days that have closed, and older ones that late rows came into.

    With --since, all closed hours and days of that window whose samples are still kept, whether due or not; needed only
    after rows were deleted or changed by hand. The collector (embedded store) and `clusterctl analyze` (server) do what
    is due by themselves."""
    from clusterctl.analytics.rollup import recompute, refresh

    config = config_of(context)
    now_ms = SystemClock().now_ms()
    since_ms = parse_moment(since, now_ms) if since else None
    until_ms = parse_moment(until, now_ms) if until else now_ms
    if since_ms is None and until:
        raise InputError("--until needs --since")
    if since_ms is not None and until_ms <= since_ms:
        raise InputError("--until is not after --since")
    store = ready_store(config)
    try:
        with progress(1.0, "looking for what is due") as step:
            if since_ms is None:
                done = refresh(store, config.analytics, told=step)
            else:
                done = recompute(store, config, since_ms, until_ms, told=step)
    finally:
        store.close()
    if format is ShortFormat.JSON:
        typer.echo(msgspec.json.encode(done).decode())
        return
    columns = ("table", "periods", "host-periods", "rows read", "seconds")
    rows = [
        (one.rollup, f"{one.periods:,}", f"{one.host_periods:,}", f"{one.rows_read:,}", f"{one.took_s:.1f}")
        for one in done
    ]
    Sheet().table(columns, rows, right=columns[1:])
