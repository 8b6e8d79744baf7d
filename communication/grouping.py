"""Indices by value, in one sort: cheap however many values there are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]


def groups(numbers: NDArray[np.signedinteger]) -> Iterator[tuple[int, Indices]]:
    """Each value with the indices that hold it, both in ascending order."""
    order = np.argsort(numbers, kind="stable")
    values, first = np.unique(numbers[order], return_index=True)
    yield from zip(values.tolist(), np.split(order, first[1:]), strict=False)  # of nothing, split makes one part
