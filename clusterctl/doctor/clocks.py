"""Clocks: this machine, the broker, the server and the agents. Rows are bounded against the broker's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from clusterctl.analytics import doctor as asked
from clusterctl.bus import Partition
from clusterctl.clock import MS_PER_S, to_ms
from clusterctl.config import Config
from clusterctl.doctor.finding import Finding, fail, ok, span, unknown, warn
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import Needs, check, on_kafka, on_server
from clusterctl.terminal import clean

WATCH_S = 6.0
"""An agent sends its samples every 5 seconds (bus.samples_every_s)."""
WATCH_SHARE = 0.6
"""Of the deadline; to be told unknown by the check is better than by the clock."""
LOOK_EVERY_S = 0.2
TOP = 20
"""Hosts that are named, the worst of all."""
SYNC = "repair time synchronisation there (chronyc tracking)"


@dataclass(frozen=True, slots=True)
class Apart:
    """How far another clock is ahead of this machine's: surely at least `least_s` and at most `most_s`; None is no bound."""

    least_s: float | None
    most_s: float | None


def difference(apart: Apart) -> float:
    """The smallest difference that the bounds allow, seconds; 0 when the clocks may agree."""
    if apart.least_s is not None and apart.least_s > 0:
        return apart.least_s
    if apart.most_s is not None and apart.most_s < 0:
        return -apart.most_s
    return 0.0


def _said(apart: Apart) -> str:
    """The bounds in words; a bound of one side alone says how far the clock is from being judged."""
    if apart.least_s is None or apart.most_s is None:
        bound = apart.least_s if apart.most_s is None else apart.most_s
        return (
            "of unknown difference"
            if bound is None
            else f"{'at least' if apart.most_s is None else 'at most'} {bound:+.2f} s"
        )
    middle_s, margin_s = (apart.least_s + apart.most_s) / 2, (apart.most_s - apart.least_s) / 2
    return f"{middle_s:+.3f} s against this machine, give or take {span(margin_s)}"


def _judged(subject: str, apart: Apart, config: Config) -> Finding:
    """Judged by what is certain: a difference that the bounds leave open is no finding, and no all-clear either."""
    off_s, text = difference(apart), _said(apart)
    if off_s > config.doctor.clock_fail_s:
        return fail(subject, text, SYNC)
    if off_s > config.doctor.clock_warn_s:
        return warn(subject, text, SYNC)
    if apart.least_s is None or apart.most_s is None:
        return unknown(subject, f"{text}: no record came while we watched", "look again while agents are sending")
    if apart.most_s - apart.least_s > 2 * config.doctor.clock_warn_s:
        return unknown(subject, f"{text}: it answered too slowly for more", "look again when it is less busy")
    return ok(subject, text)


def broker_apart(before: Mapping[Partition, int], after: Mapping[Partition, int], asked_ms: int, seen_ms: int) -> Apart:
    """From the newest stamps of each partition, looked at when our clock stood at `asked_ms`, and again until `seen_ms`.

    A stamp that appeared in between was given in between: that bounds the broker's clock from both sides. One that was
    there before only says that the broker's clock has passed it."""
    newest_ms = max(after.values(), default=None)
    if newest_ms is None:
        return Apart(None, None)
    appeared = [stamp for part, stamp in after.items() if stamp > before.get(part, -1)]
    if not appeared:
        return Apart((newest_ms - seen_ms) / MS_PER_S, None)
    return Apart((max(appeared) - seen_ms) / MS_PER_S, (min(appeared) - asked_ms) / MS_PER_S)


def _broker(patient: Patient) -> Apart:
    """Nothing is written: we wait for a record of an agent."""
    with patient.broker() as admin:
        topics = [topic for topic in admin.topics(list(patient.lanes.values())) if topic.exists]
        asked_ms = patient.clock.now_ms()  # what is new to the second look was stamped after this
        before = admin.newest_ms(topics)
        until_s = patient.clock.monotonic_s() + min(WATCH_S, patient.config.doctor.deadline_s * WATCH_SHARE)
        while True:
            patient.clock.sleep_s(LOOK_EVERY_S)
            asked_again_ms = patient.clock.now_ms()
            after = admin.newest_ms(topics)
            if after != before or patient.clock.monotonic_s() > until_s:
                return broker_apart(before, after, asked_ms, patient.clock.now_ms())
            before, asked_ms = after, asked_again_ms


@check(
    "clock of the broker",
    read=_broker,
    needs=Needs.BROKER,
    left_out=on_kafka,
    knobs=("doctor.clock_warn_s", "doctor.clock_fail_s"),
)
def broker_clock(apart: Apart, config: Config) -> Iterator[Finding]:
    """The broker's clock against this machine's, by a record that arrives while we look; nothing is written."""
    yield _judged("broker", apart, config)


def _server(patient: Patient) -> Apart:
    with patient.store() as store:
        asked.SERVER.one(store)  # the connection is made: only the question's own way counts
        sent_ms = patient.clock.now_ms()
        theirs_ms = to_ms(asked.SERVER.one(store).now)
        return Apart((theirs_ms - patient.clock.now_ms()) / MS_PER_S, (theirs_ms + 1 - sent_ms) / MS_PER_S)


@check(
    "clock of the server",
    read=_server,
    needs=Needs.STORE,
    left_out=on_server,
    knobs=("doctor.clock_warn_s", "doctor.clock_fail_s"),
)
def server_clock(apart: Apart, config: Config) -> Iterator[Finding]:
    """The server's clock against this machine's: `ingested_at` and retention are counted by it."""
    yield _judged("server", apart, config)


def _agents(patient: Patient) -> tuple[asked.AgentClockRow, ...]:
    with patient.store() as store:
        return tuple(asked.AGENT_CLOCKS.run(store, top=TOP))


@check(
    "clocks of agents",
    read=_agents,
    needs=Needs.STORE,
    knobs=("doctor.clock_warn_s", "doctor.clock_fail_s", "collector.ahead_bound_s"),
)
def agent_clocks(found: Sequence[asked.AgentClockRow], config: Config) -> Iterator[Finding]:
    """Agents' clocks: rows stamped later than they were stored, hosts far behind the others, and what their kernels say of
    their own clocks. What is further ahead than collector.ahead_bound_s is a dead letter."""
    if not found:
        yield unknown(
            "agents", "no host's samples were stored in the last two minutes", "see the findings on freshness"
        )
        return
    bad = [finding for row in found if (finding := _agent(row, config))]
    yield from bad
    if not bad:
        told = [abs(row.offset_us) for row in found if row.offset_us is not None]
        kernels = f", kernels say at most {span(max(told) / 1e6)}" if told else ""
        yield ok("agents", f"{found[0].hosts} hosts, none ahead or far behind{kernels}")


def _agent(row: asked.AgentClockRow, config: Config) -> Finding | None:
    host, doctor = clean(row.host, 64), config.doctor
    ahead_s, behind_s = row.ahead_ms / MS_PER_S, row.behind_ms / MS_PER_S
    offset_s = abs(row.offset_us or 0) / 1e6
    if ahead_s > doctor.clock_fail_s:
        return fail(host, f"its rows are at least {span(ahead_s)} ahead of the server's clock", SYNC)
    if ahead_s > doctor.clock_warn_s:
        return warn(host, f"its rows are at least {span(ahead_s)} ahead of the server's clock", SYNC)
    if behind_s > doctor.clock_fail_s:
        return warn(
            host, f"its rows come {span(behind_s)} later than other hosts': its clock is behind, or they waited", SYNC
        )
    if row.synchronized == 0:
        return warn(host, "its kernel's clock is not synchronised", SYNC)
    if offset_s > doctor.clock_warn_s:
        return warn(host, f"its time daemon told an offset of {span(offset_s)}", SYNC)
    return None
