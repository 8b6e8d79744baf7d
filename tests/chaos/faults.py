"""What can happen: each fault has a beginning, an end, and a target that no other fault has at the same time."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.chaos.door import Door, Mode
from tests.chaos.fleet import RESIDENTS, Fleet
from tests.chaos.machine import MovedClock
from tests.chaos.traffic import Traffic

Deed = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """`end` undoes it: afterwards everything runs again."""

    words: str
    target: str
    lasts_s: float
    begin: Deed
    end: Deed

    @property
    def in_the_way(self) -> bool:
        """Whether a process that starts now may not find its broker or its server."""
        return self.target.endswith(("broker", "server"))


@dataclass(frozen=True, slots=True)
class Scene:
    """Where faults happen."""

    fleet: Fleet
    traffic: Traffic
    chance: random.Random

    def agent(self) -> str:
        return self.chance.choice(sorted(self.fleet.agents))

    def collector(self) -> str:
        return self.chance.choice(RESIDENTS)


def _nothing() -> None:
    return


def kill_agent(scene: Scene) -> Fault:
    """SIGKILL, and the supervisor starts it again."""
    name = scene.agent()
    agent = scene.fleet.agents[name]
    return Fault(f"kill {name}", name, scene.chance.uniform(0.0, 1.5), agent.kill, agent.start)


def kill_collector(scene: Scene) -> Fault:
    name, them = scene.collector(), scene.fleet.collectors
    return Fault(
        f"kill {name}", name, scene.chance.uniform(0.0, 1.5), lambda: them[name].kill(), lambda: them[name].start()
    )


def kill_both_collectors(scene: Scene) -> Fault:
    """Nobody is left to take over."""
    them = scene.fleet.collectors

    def kill() -> None:
        for name in RESIDENTS:
            them[name].kill()

    def start() -> None:
        for name in RESIDENTS:
            them[name].start()

    return Fault("kill c1 and c2", "collectors", scene.chance.uniform(0.0, 1.0), kill, start)


def stop_collector(scene: Scene) -> Fault:
    """SIGTERM, as at an update."""
    name, them = scene.collector(), scene.fleet.collectors
    lasts_s = scene.chance.uniform(0.0, 1.0)
    return Fault(f"stop and start {name}", name, lasts_s, lambda: them[name].ask_to_stop(), lambda: them[name].start())


def visit_of_collector(scene: Scene) -> Fault:
    """A third one joins and leaves: partitions move to it and back."""
    child = scene.fleet.collectors["c3"]
    return Fault("c3 joins and leaves", "c3", scene.chance.uniform(2.0, 4.0), child.start, child.ask_to_stop)


def killed_visit(scene: Scene) -> Fault:
    """It joins, is killed, and its partitions come back when its session is over."""
    child = scene.fleet.collectors["c3"]
    return Fault("c3 joins and is killed", "c3", scene.chance.uniform(2.0, 4.0), child.start, child.kill)


def kill_broker(scene: Scene) -> Fault:
    ground = scene.fleet.ground
    return Fault("kill broker", "broker", scene.chance.uniform(0.0, 1.5), ground.stop_broker, ground.start_broker)


def kill_server(scene: Scene) -> Fault:
    ground = scene.fleet.ground
    return Fault("kill server", "server", scene.chance.uniform(0.0, 1.5), ground.stop_server, ground.start_server)


def hold_broker(scene: Scene) -> Fault:
    server = scene.fleet.ground.kafka
    return Fault("hold broker", "broker", scene.chance.uniform(1.0, 5.0), server.hold, server.let_go)


def hold_server(scene: Scene) -> Fault:
    """Sometimes for longer than the collector waits for a reply: the outcome of the insert is unknown then."""
    server = scene.fleet.ground.clickhouse
    return Fault("hold server", "server", scene.chance.uniform(1.0, 5.0), server.hold, server.let_go)


def hold_agent(scene: Scene) -> Fault:
    name = scene.agent()
    agent = scene.fleet.agents[name]
    lasts_s = scene.chance.uniform(0.5, 4.0)
    return Fault(
        f"hold {name}", name, lasts_s, lambda: agent.signal(signal.SIGSTOP), lambda: agent.signal(signal.SIGCONT)
    )


def hold_collector(scene: Scene) -> Fault:
    """Shorter than its session: the group does not notice."""
    return _held(scene, "hold", scene.chance.uniform(0.5, 3.0))


def zombie(scene: Scene) -> Fault:
    """Longer than its session: another has its partitions when it wakes up in the middle of what it did."""
    return _held(scene, "zombie", scene.chance.uniform(7.5, 9.0))


def _held(scene: Scene, words: str, lasts_s: float) -> Fault:
    name, them = scene.collector(), scene.fleet.collectors
    return Fault(
        f"{words} {name}",
        name,
        lasts_s,
        lambda: them[name].signal(signal.SIGSTOP),
        lambda: them[name].signal(signal.SIGCONT),
    )


def replace_collector(scene: Scene) -> Fault:
    """One hangs, another is started under its name, and then the first wakes up."""
    name, fleet = scene.collector(), scene.fleet
    lasts_s = scene.chance.uniform(1.0, 5.0)
    return Fault(f"replace {name} while it hangs", name, lasts_s, lambda: fleet.replace(name), fleet.wake_replaced)


def move_clock_of_agent(scene: Scene) -> Fault:
    """Within the bounds that its rows must keep."""
    name = scene.agent()
    return _moved(scene, name, scene.fleet.agents[name].clock, scene.chance.randint(-250_000, 250_000))


def move_clock_of_collector(scene: Scene) -> Fault:
    """By anything: nothing that it stores may depend on its clock."""
    name = scene.collector()
    return _moved(scene, name, scene.fleet.clocks[name], scene.chance.randint(-(10**9), 10**9))


def _moved(scene: Scene, name: str, clock: MovedClock, offset_ms: int) -> Fault:
    if not clock.can_move:
        return Fault("no C compiler to move a clock with", "nothing", 0.1, _nothing, _nothing)
    words = f"clock of {name} off by {offset_ms / 1_000:+.1f} s"
    return Fault(words, name, scene.chance.uniform(1.0, 4.0), lambda: clock.set_ms(offset_ms), lambda: clock.set_ms(0))


def fill_disk(scene: Scene) -> Fault:
    """The agent's data directory has no room for a while."""
    name = scene.agent()
    disk = scene.fleet.agents[name].disk
    if not disk.mounted:
        return Fault("no right to mount a disk that can be filled", "nothing", 0.1, _nothing, _nothing)
    return Fault(f"disk of {name} full", name, scene.chance.uniform(0.5, 3.0), disk.fill, disk.clear)


def cut_agent(scene: Scene) -> Fault:
    return _shut(scene, scene.fleet.ground.broker[scene.agent()])


def cut_collector_broker(scene: Scene) -> Fault:
    return _shut(scene, scene.fleet.ground.broker[scene.collector()])


def cut_collector_server(scene: Scene) -> Fault:
    return _shut(scene, scene.fleet.ground.server[scene.collector()])


def _shut(scene: Scene, door: Door) -> Fault:
    chance = scene.chance
    mode = chance.choice([mode for mode in Mode if mode is not Mode.OPEN])
    amount = {Mode.SLOW: chance.uniform(0.05, 0.5), Mode.CUT: float(chance.choice([0, 1, 5, 40, 300]))}.get(mode, 0.0)
    words = f"{door.name} {mode.value}" + (f" {amount:.4g}" if amount else "")
    return Fault(
        words, door.name, chance.uniform(0.5, 5.0), lambda: door.set(mode, amount), lambda: door.set(Mode.OPEN)
    )


def poison(scene: Scene) -> Fault:
    """A burst of messages that must become dead letters."""
    count = scene.chance.randint(1, 25)
    return Fault(f"{count} poison messages", "poison", 0.1, lambda: scene.traffic.order("poison", count), _nothing)


def skew(scene: Scene) -> Fault:
    """A burst from hosts whose clocks are off."""
    count = scene.chance.randint(5, 40)
    return Fault(f"{count} skewed messages", "skew", 0.1, lambda: scene.traffic.order("skewed", count), _nothing)


KINDS: Sequence[Callable[[Scene], Fault]] = (
    kill_collector, zombie, cut_collector_server, kill_broker, stop_collector, kill_server, cut_collector_broker,
    kill_agent, visit_of_collector, hold_server, cut_agent, hold_broker, kill_both_collectors, hold_agent, poison,
    hold_collector, skew, killed_visit, replace_collector, move_clock_of_agent, fill_disk, move_clock_of_collector,
)  # fmt: skip
