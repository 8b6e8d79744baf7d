"""Chance for millions of values a second: tables of random numbers, drawn once and read from a new place each time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SIZE = 1 << 20
_MASK = SIZE - 1
_HOST_STEP, _DEVICE_STEP, _SALT_STEP = 7_919, 104_729, 15_485_863


class Noise:
    """Reproducible by its seed."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self._normal = np.clip(self.random.standard_normal(SIZE), -3.0, 3.0).astype(np.float32)
        self._uniform = self.random.random(SIZE)

    def normal(self, shape: tuple[int, ...]) -> Array:
        """Of mean 0 and deviation 1, within ±3. Read only."""
        count = int(np.prod(shape))
        if count > SIZE:
            return np.resize(self._normal, shape)
        begin = int(self.random.integers(0, SIZE - count + 1))
        return self._normal[begin : begin + count].reshape(shape)

    def own(self, hosts: Array, devices: Array, salt: int) -> Array:
        """A number in [0, 1) for each device of each host, always the same one: [hosts, devices, 1]."""
        place = hosts[:, None] * _HOST_STEP + devices[None, :] * _DEVICE_STEP + salt * _SALT_STEP
        found: Array = self._uniform[place & _MASK][:, :, None]
        return found
