"""Columns of a block as arrays: what the collector makes of packs, and what `native` writes without looking at single values.

To a store that has no use for arrays they are sequences of plain values, None where a reading is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Numbers and timestamps. `missing` is 1 where there is no reading, whatever `values` has; None if all are there."""

    values: NDArray[Any]
    missing: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        values = self.values.tolist()
        if self.missing is None:
            return iter(values)
        return iter([None if gone else value for value, gone in zip(values, self.missing.tolist(), strict=True)])

    def taken(self, order: NDArray[np.intp]) -> Numbers:
        """The rows in another order."""
        return Numbers(self.values[order], None if self.missing is None else self.missing[order])


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Text, each row a position among `keys`, which differ from each other; a key may be None."""

    keys: list[str | None]
    index: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[Any]:
        return iter([self.keys[position] for position in self.index.tolist()])

    def taken(self, order: NDArray[np.intp]) -> Texts:
        """The rows in another order."""
        return Texts(self.keys, self.index[order])


Column = Numbers | Texts
