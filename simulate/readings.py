"""How a reading moves. Each is declared with its numbers in `tables`, and gives an array of [hosts, devices, ticks]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from clusterctl.simulate.noise import Array
from clusterctl.simulate.scene import Scene

SECONDS_PER_DAY = 86_400.0


class Moving(Protocol):
    """A column that has to be written each time."""

    def values(self, scene: Scene, devices: Array, salt: int) -> Array:
        """Readings of `devices`, which are numbered as on a whole node; `salt` tells columns apart."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """Always the same; written once."""

    value: float

    def steady(self, devices: Array) -> Array | float:
        """Readings of `devices`, for all hosts and ticks."""
        return self.value


@dataclass(frozen=True, slots=True)
class Number:
    """The device's own number, or a part of it; written once."""

    divisor: int = 1
    modulus: int = 1 << 30

    def steady(self, devices: Array) -> Array | float:
        """Readings of `devices`, for all hosts and ticks."""
        numbers: Array = (devices // self.divisor % self.modulus)[None, :, None]
        return numbers


@dataclass(frozen=True, slots=True)
class Follows:
    """A gauge between what it is at rest and what it is at work, with noise; `slow` if it follows with the heat."""

    rest: float
    work: float
    spread: float
    slow: bool = False
    most: float = np.inf

    def values(self, scene: Scene, devices: Array, salt: int) -> Array:
        hosts, ticks = scene.shape
        load = scene.heat if self.slow else scene.level
        noise = scene.noise.normal((hosts, len(devices), ticks))
        found: Array = np.clip(self.rest + (self.work - self.rest) * load + self.spread * noise, 0.0, self.most)
        return found


@dataclass(frozen=True, slots=True)
class Flows(Follows):
    """A gauge that follows the traffic between nodes instead of the computing."""

    def values(self, scene: Scene, devices: Array, salt: int) -> Array:
        hosts, ticks = scene.shape
        noise = scene.noise.normal((hosts, len(devices), ticks))
        rate = self.rest + (self.work - self.rest) * scene.traffic
        found: Array = np.clip(rate + self.spread * noise, 0.0, self.most)
        return found


@dataclass(frozen=True, slots=True)
class Grows:
    """A counter: so much a second always, so much more while computing, and while moving data."""

    always: float = 0.0
    computing: float = 0.0
    moving: float = 0.0

    def values(self, scene: Scene, devices: Array, salt: int) -> Array:
        own = 0.97 + 0.06 * scene.noise.own(scene.hosts, devices, salt)
        amount = self.always * scene.up_s + self.computing * scene.computed_s + self.moving * scene.moved_s
        found: Array = amount * own
        return found


@dataclass(frozen=True, slots=True)
class Rare:
    """A counter of errors, each device at a pace and at moments of its own."""

    per_day: float

    def values(self, scene: Scene, devices: Array, salt: int) -> Array:
        own = scene.noise.own(scene.hosts, devices, salt)
        found: Array = scene.up_s * (self.per_day / SECONDS_PER_DAY) * (2.0 * own) + own * 61.0 % 1.0
        return found


@dataclass(frozen=True, slots=True)
class Switches:
    """A state with one value at work and another at rest."""

    rest: float
    work: float

    def values(self, scene: Scene, devices: Array, salt: int) -> Array:
        found: Array = np.where(scene.level > 0.5, self.work, self.rest)
        return found


Reading = Moving | Fixed | Number
