"""`clusterctl incidents`: what is open, what it stands on, what to do, and what was done."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from clusterctl.clock import SystemClock
from clusterctl.commands.analyze import refresh_all
from clusterctl.commands.common import FINDINGS, OK, UNKNOWN, ShortFormat, config_of, ready_store
from clusterctl.config import Config
from clusterctl.errors import InputError
from clusterctl.store import Store
from clusterctl.terminal import clean, say
from clusterctl.timetext import parse_moment

NAME = "incidents"
app = typer.Typer(no_args_is_help=True, help="Incidents: list them, look into one, say what was done about it.")

Id = Annotated[str, typer.Argument(help="Incident id, or its first characters.")]
By = Annotated[str, typer.Option(help="Who says so; else the user name.")]
Output = Annotated[ShortFormat, typer.Option("--format", help="table or json.")]
Cluster = Annotated[str, typer.Option(help="Only this cluster.")]
_SAID = {
    "ack": "ack noted",
    "repair": "repair noted",
    "close": "close noted",
    "reopen": "reopen noted",
    "note": "note added",
}
"""What was written down; the state that results is read from the store."""


def _open(context: typer.Context) -> tuple[Config, Store, int]:
    """The store with incidents as of now."""
    config = config_of(context)
    store = ready_store(config)
    now_ms = SystemClock().now_ms()
    refresh_all(store, config, now_ms)
    return config, store, now_ms


@app.command("list")
def list_(
    context: typer.Context,
    cluster: Cluster = "",
    node: Annotated[str, typer.Option(help="Only of this node or fabric element.")] = "",
    since: Annotated[str, typer.Option(help="Open at or after: 2026-11-01, or a span before now: 7d.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    top: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest first.")] = 50,
    format: Output = ShortFormat.TABLE,
) -> None:
    """Incidents that are not closed; with --all or --since closed ones too.

    Exit code 1 if one that matches, shown or not, is open and needs somebody, acknowledged or not: a fault, a failure of
    unknown or of software's cause, a silent node. Planned work, a user's own program and degradations are listed, and need
    nobody: 0. 2 if nothing is known of such a cluster."""
    from clusterctl.analytics.incidents.lifecycle import actions_of, is_known, listed
    from clusterctl.commands.incidents_sheet import list_json, show_list

    _, store, now_ms = _open(context)
    try:
        since_ms = parse_moment(since, now_ms) if since else 0
        found = listed(store, cluster, node=node, since_ms=since_ms, open_only=not (all_ or since), top=top)
        pressing = bool(listed(store, cluster, node=node, since_ms=since_ms, pressing_only=True, top=1))
        told = bool(found) or is_known(store, cluster)
        actions = actions_of(store, cluster)
    finally:
        store.close()
    if format is ShortFormat.JSON:
        typer.echo(list_json(found, actions))
    else:
        show_list(found, actions, now_ms)
        if len(found) == top:
            say(f"the newest {top} are shown; --top shows more")
    if not told:
        say(f"nothing is known of {cluster!r}" if cluster else "the store holds no evidence yet")
        raise typer.Exit(UNKNOWN)
    raise typer.Exit(FINDINGS if pressing else OK)


@app.command()
def show(context: typer.Context, incident: Id, cluster: Cluster = "", format: Output = ShortFormat.TABLE) -> None:
    """One incident: why it has its class, evidence, timeline, what to do, and what was tried before on this node."""
    from clusterctl.analytics.incidents.lifecycle import actions_of, named, timeline
    from clusterctl.commands.incidents_sheet import one_json, show_one

    _, store, now_ms = _open(context)
    try:
        found = named(store, cluster, incident)
        actions = actions_of(store, found.cluster, root=found.root) if found.root else []
        own = actions_of(store, found.cluster, name=found.incident_id)
        happened = timeline(store, found, now_ms)
    finally:
        store.close()
    seen = sorted({*actions, *own}, key=lambda row: (row.at, row.action))
    if format is ShortFormat.JSON:
        typer.echo(one_json(found, seen, happened))
    else:
        show_one(found, seen, happened)


def _did(context: typer.Context, action: str, incident: str, cluster: str, by: str, text: str) -> None:
    from clusterctl.analytics.incidents.lifecycle import act, named, state_now

    config, store, now_ms = _open(context)
    try:
        found = named(store, cluster, incident)
        act(store, found, action, by or _user(), text, now_ms)
        refresh_all(store, config, now_ms + 1)
        state = state_now(store, found)
    finally:
        store.close()
    what = clean(f"{found.incident_id} ({found.cause} on {found.where})")
    say(f"{what}: {_SAID[action]}; {f'it is {state}' if state else 'it no longer follows from the evidence'}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise InputError("this process has no user name", hint="say who with --by") from error


Words = Annotated[str, typer.Option("--note", "-m", help="In your words; the next one on this node will read it.")]


@app.command()
def ack(context: typer.Context, incident: Id, cluster: Cluster = "", by: By = "", note: Words = "") -> None:
    """Say that somebody looks after it."""
    _did(context, "ack", incident, cluster, by, note)


@app.command()
def repair(context: typer.Context, incident: Id, cluster: Cluster = "", by: By = "", note: Words = "") -> None:
    """Say that a repair has begun."""
    _did(context, "repair", incident, cluster, by, note)


@app.command()
def close(context: typer.Context, incident: Id, cluster: Cluster = "", by: By = "", note: Words = "") -> None:
    """Close it by word. What the node shows afterwards opens a new one, marked as its repeat."""
    _did(context, "close", incident, cluster, by, note)


@app.command()
def reopen(context: typer.Context, incident: Id, cluster: Cluster = "", by: By = "", note: Words = "") -> None:
    """Take back a close that a person made."""
    _did(context, "reopen", incident, cluster, by, note)


@app.command()
def note(
    context: typer.Context,
    incident: Id,
    text: Annotated[str, typer.Argument(help="What you found or did.")],
    cluster: Cluster = "",
    by: By = "",
) -> None:
    """Add a note."""
    _did(context, "note", incident, cluster, by, text)


@app.command()
def compare(
    context: typer.Context,
    old: Annotated[str, typer.Argument(help="Version of the catalogue; empty lists those that there are.")] = "",
    new: Annotated[str, typer.Argument(help="Another version; else the newest.")] = "",
    cluster: Annotated[str, typer.Option(help="Cluster; else site.cluster.")] = "",
    format: Output = ShortFormat.TABLE,
) -> None:
    """What two versions of the catalogue made of the same events. Exit code 1 if they differ."""
    from clusterctl.analytics.incidents.lifecycle import COMPARED, VERSIONS
    from clusterctl.commands.incidents_sheet import show_compared, show_versions

    config, store, _ = _open(context)
    try:
        where = cluster or config.site.cluster
        versions = VERSIONS.run(store, cluster=where)
        if not old:
            show_versions(versions, format)
            raise typer.Exit(OK)
        newest = new or (versions[0].catalog_version if versions else "")
        known = {row.catalog_version for row in versions}
        for version in (old, newest):
            if version not in known:
                raise InputError(
                    f"no incident of {where} was judged by catalogue {version!r}",
                    hint=f"known: {', '.join(sorted(known)) or 'none'}",
                )
        rows = COMPARED.run(store, cluster=where, old=old, new=newest)
    finally:
        store.close()
    show_compared(rows, old, newest, format)
    raise typer.Exit(FINDINGS if rows else OK)
