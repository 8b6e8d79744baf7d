"""One seed from its first process to its verdict."""

from __future__ import annotations

import random
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.faults import Scene
from tests.chaos.fleet import RESIDENTS, Agent, Fleet
from tests.chaos.ground import Ground
from tests.chaos.invariant import Findings
from tests.chaos.plan import draw, timetable
from tests.chaos.process import Child
from tests.chaos.topics import Topics
from tests.chaos.traffic import Traffic
from tests.chaos.verdict import Tally, judge

MESSAGES_PER_S = 250.0
READY_S, DRAIN_S, STOP_S, LOOK_S = 60.0, 90.0, 70.0, 0.1
STARTS = 4
LINES_A_LOOK = 0.3
CALM_S = 1.0
"""Traffic after the last fault: what is broken for good shows then."""

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What a seed was and what became of it."""

    seed: int
    faults: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    findings: Findings = field(default_factory=Findings)
    seconds: float = 0.0
    logs: str = ""

    @property
    def passed(self) -> bool:
        return not self.findings.words

    def line(self) -> str:
        """The one line of a seed."""
        tally, found = self.tally, self.findings
        return (
            f"seed {self.seed:4d} {'ok  ' if self.passed else 'FAIL'} {len(self.faults)} faults, "
            f"{tally.acknowledged:,} messages acknowledged, {tally.rows:,} rows stored, {found.lost} lost, "
            f"{found.twice} twice, {tally.dead} dead letters, ticks {tally.ticks_lost} lost {tally.ticks_counted} counted, "
            f"collector {tally.rss_peak_mib} MiB, {self.seconds:.1f} s"
        )


def play(seed: int, ground: Ground, logs: Path, tell: Say) -> Outcome:
    """Run one seed on this ground. Its logs stay only if it fails."""
    began_s = time.monotonic()
    outcome = Outcome(seed)
    home = logs / f"seed-{seed}"
    shutil.rmtree(home, ignore_errors=True)
    outcome.logs = str(home)
    chance = random.Random(seed)
    fleet = Fleet(ground, home, f"s{seed}x{uuid.uuid4().hex[:6]}", chance.choice([1, 2]))

    def say(text: str) -> None:
        tell(f"{time.monotonic() - began_s:6.2f} s  {text}")

    try:
        fleet.prepare()
        traffic = Traffic(fleet.config, seed, MESSAGES_PER_S)
        _storm(fleet, traffic, Scene(fleet, traffic, chance), outcome, say)
        if _drain(fleet, traffic, outcome.findings, say):
            outcome.tally = judge(fleet, traffic, outcome.findings)
    finally:
        fleet.close()
        ground.open_all()
    outcome.seconds = time.monotonic() - began_s
    if outcome.passed:
        _tidy(fleet)
    return outcome


def _storm(fleet: Fleet, traffic: Traffic, scene: Scene, outcome: Outcome, say: Say) -> None:
    """Everything starts, and then the faults come."""
    faults = draw(scene, outcome.seed)
    outcome.faults = [fault.words for fault in faults]
    acts = timetable(scene, faults)
    say("topics and tables are there")
    fleet.start()
    traffic.start()
    topics = Topics(fleet.ground.kafka.address)
    came = _wait(
        fleet, lambda: topics.members(fleet.name) == len(RESIDENTS) and _ticking(fleet.agents.values()), READY_S
    )
    for child in fleet.children():
        child.up = came
    began_s, at_work = time.monotonic(), 0
    for act in acts:
        while time.monotonic() - began_s < act.at_s:
            _look(fleet, calm=at_work == 0, noise=True)
        say(act.words)
        act.deed()
        at_work += act.fault.in_the_way * (-1 if act.ends else 1)
    until_s = time.monotonic() + CALM_S
    while time.monotonic() < until_s:
        _look(fleet, noise=True)


def _ticking(agents: Iterable[Agent]) -> bool:
    return all(agent.ticked() for agent in agents)


def _look(fleet: Fleet, *, calm: bool = True, noise: bool = False) -> None:
    fleet.watch(calm=calm)
    for agent in fleet.agents.values():
        if noise and random.random() < LINES_A_LOOK:
            agent.log_xid()
    time.sleep(LOOK_S)


def _wait(fleet: Fleet, condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        _look(fleet)
    return True


def _drain(fleet: Fleet, traffic: Traffic, found: Findings, say: Say) -> bool:
    """Senders end first, then the collectors, when nothing is left for them."""
    _wait(fleet, fleet.ground.ready, READY_S)
    say("broker and server are there")
    traffic.finish()
    if not _wait(fleet, lambda: not traffic.left(), DRAIN_S):
        found.words.append(f"{traffic.left()} messages of the harness were never acknowledged")
    say("traffic has ended")
    _wait(fleet, lambda: _ticking(fleet.agents.values()), READY_S)
    _stop(fleet, list(fleet.agents.values()))
    _send_the_rest(fleet, found)
    say("agents have ended")
    fleet.end_replaced()
    topics = Topics(fleet.ground.kafka.address)
    if not _wait(fleet, lambda: not topics.behind(fleet.topics, fleet.name), DRAIN_S):
        found.words.append(f"not drained in {DRAIN_S:.0f} s: {topics.behind(fleet.topics, fleet.name)}")
        return False
    say("drained")
    _stop(fleet, list(fleet.collectors.values()))
    say("collectors have ended")
    return True


def _send_the_rest(fleet: Fleet, found: Findings) -> None:
    """An agent that was told to stop while it still waited for the broker leaves it to its next start."""
    for _ in range(STARTS):
        late = [agent for agent in fleet.agents.values() if agent.unsent()]
        if not late:
            return
        for agent in late:
            agent.start()
        _wait(fleet, lambda: _ticking(late), READY_S)  # noqa: B023 - used at once
        _stop(fleet, late)
    found.words += [f"{a.name} has not sent {a.unsent()} batches" for a in fleet.agents.values() if a.unsent()]


def _stop(fleet: Fleet, children: Sequence[Child]) -> None:
    for child in children:
        child.ask_to_stop()
    _wait(fleet, lambda: all(child.stopped() for child in children), STOP_S)


def _tidy(fleet: Fleet) -> None:
    Topics(fleet.ground.kafka.address).delete([*fleet.topics, fleet.dead_letters], fleet.name)
    store = fleet.store()
    try:
        store.execute(f"DROP DATABASE {fleet.config.store.database}")
    finally:
        store.close()
    shutil.rmtree(fleet.home)
