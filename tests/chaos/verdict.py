"""Read everything back, from Kafka and from ClickHouse, and hold the one against the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clusterctl import packs, wire
from clusterctl.schema import EVENT, HOST_SAMPLE
from clusterctl.store import Store
from tests.chaos.fleet import PERIOD_S, Agent, Fleet
from tests.chaos.invariant import Findings, Place, Row, check_acknowledged, check_dead, check_rows
from tests.chaos.rows import SENT_TABLES, as_row, stored_rows
from tests.chaos.ticks import AgentRecord, Tick, check_lines, check_ticks
from tests.chaos.topics import Letter, Topics
from tests.chaos.traffic import Traffic

MOST_RSS_MIB = 300
TRACEBACK = "Traceback (most recent call last):"
OF_THE_CLIENT = (" ERROR kafka.", "Exception ignored in: <function KafkaProducer.__del__")
"""kafka-python logs a lost connection with its traceback, which ends nothing."""


@dataclass
class Tally:
    """Figures of a seed."""

    acknowledged: int = 0
    rows: int = 0
    dead: int = 0
    ticks_lost: int = 0
    ticks_counted: int = 0
    rss_peak_mib: int = 0
    own_ends: int = 0


@dataclass
class Onboard:
    """What lies on the topics."""

    rows: list[Row]
    dead: set[Place]
    numbers: set[int]
    seqs: dict[tuple[str, str], set[int]]
    """Of agents, by host and topic."""

    def take(self, letter: Letter) -> None:
        """A message of an agent, as it decodes."""
        pack, shape = wire.receive(letter.value)
        place = (letter.partition, letter.offset)
        for seq, row in zip(*packs.unpack(pack, shape), strict=True):
            head = (pack.cluster, pack.host, pack.boot_id, seq)
            self.rows.append(as_row(shape.table, head, row, pack.schema, place))
            self.seqs.setdefault((pack.host, letter.topic), set()).add(seq)


def judge(fleet: Fleet, traffic: Traffic, found: Findings) -> Tally:
    """All checks; what they find is added to `found`."""
    topics = Topics(fleet.ground.kafka.address)
    sent = onboard(topics.read(fleet.topics), traffic)
    letters = [_origin(letter) for letter in topics.read([fleet.dead_letters])]
    store = fleet.store()
    try:
        stored = [row for table in SENT_TABLES for row in stored_rows(store, table)]
        check_rows(sent.rows, stored, found)
        check_dead(sent.dead, letters, found)
        check_acknowledged(traffic.acknowledged, sent.numbers, found)
        tally = Tally(acknowledged=len(traffic.acknowledged), rows=len(stored), dead=len(set(letters)))
        for agent in fleet.agents.values():
            _judge_agent(agent, store, sent, found, tally)
    finally:
        store.close()
    _judge_processes(fleet, found, tally)
    return tally


def onboard(letters: Iterable[Letter], traffic: Traffic) -> Onboard:
    """The harness's own messages by their numbers; those of agents as they decode."""
    lies = Onboard([], set(), set(), {})
    for letter in letters:
        number = letter.headers.get("n")
        if number is None:
            lies.take(letter)
            continue
        sent = traffic.ledger[int(number)]
        lies.numbers.add(sent.number)
        lies.rows += sent.stored(letter.partition, letter.offset, letter.timestamp_ms)
        if sent.dead(letter.timestamp_ms):
            lies.dead.add((letter.topic, letter.partition, letter.offset))
    return lies


def _origin(letter: Letter) -> Place:
    headers = letter.headers
    return headers["topic"].decode(), int(headers["partition"]), int(headers["offset"])


def _judge_agent(agent: Agent, store: Store, sent: Onboard, found: Findings, tally: Tally) -> None:
    host = agent.name
    ticks = store.query(
        f"SELECT toUnixTimestamp64Milli(ts), seq, ticks_missed, spool_lost_batches FROM {HOST_SAMPLE.name} FINAL "
        "WHERE host = {host:String} ORDER BY ts",
        {"host": host},
    ).rows
    minutes = store.query(
        "SELECT sum(ticks_expected), sum(ticks_done) FROM presence FINAL WHERE host = {host:String}", {"host": host}
    ).rows
    lines = store.query(
        f"SELECT sum(count) FROM {EVENT.name} FINAL WHERE host = {{host:String}} AND kind = 'xid' AND source = 'kmsg'",
        {"host": host},
    ).rows
    record = AgentRecord(
        host,
        int(PERIOD_S * 1_000),
        tuple(agent.first_seqs[1:]),
        tuple(Tick(*row) for row in ticks),
        *minutes[0],
        {topic: tuple(seqs) for (name, topic), seqs in sent.seqs.items() if name == host},
        agent.clock.moved,
    )
    agent.kmsg.with_suffix(".ticks").write_text(_story(record, store))
    count = check_ticks(record, found)
    tally.ticks_lost += count.lost
    tally.ticks_counted += count.counted
    check_lines(host, agent.lines, lines[0][0], max((tick.lost_batches for tick in record.ticks), default=0), found)


def _story(record: AgentRecord, store: Store) -> str:
    """What a failing seed leaves behind of an agent's ticks."""
    minutes = store.query(
        "SELECT ts, seq, bus_offset, _part, ticks_expected, ticks_done, blind FROM presence "
        "WHERE host = {host:String} ORDER BY bus_offset",
        {"host": record.host},
    ).rows
    facts = store.query(
        "SELECT ts, seq, code, fields FROM event WHERE host = {host:String} AND kind = 'agent' ORDER BY seq",
        {"host": record.host},
    ).rows
    parts: list[object] = [
        "runs began at",
        *record.first_seqs,
        "ticks",
        *record.ticks,
        "minutes",
        *minutes,
        "facts",
        *facts,
    ]
    return "\n".join(map(str, parts))


def _judge_processes(fleet: Fleet, found: Findings, tally: Tally) -> None:
    for child in fleet.children():
        if bad := tracebacks(child.said()):
            found.words.append(f"{child.name} had a traceback: {bad[-1][-600:]}")
        found.words += child.bad_stops
        tally.own_ends += len(child.own_ends)
    peak = max(child.rss_peak_kib for child in fleet.collectors.values()) // 1_024
    tally.rss_peak_mib = peak
    if peak > MOST_RSS_MIB:
        found.words.append(f"a collector had {peak} MiB resident, more than {MOST_RSS_MIB}")


def tracebacks(log: str) -> list[str]:
    """Those that are not the Kafka client's own, each with the line before it."""
    lines = log.splitlines()
    starts = [number for number, line in enumerate(lines) if line == TRACEBACK]
    ours = [n for n in starts if not any(mark in lines[max(0, n - 1)] for mark in OF_THE_CLIENT)]
    return ["\n".join(lines[max(0, n - 1) : n + 40]) for n in ours]
