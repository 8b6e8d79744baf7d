"""What a failure means: retry what time can cure, split what one row can spoil, stop for the rest.

tests/contract/test_fate_server.py makes a real server give the answers that it can be brought to give.
"""

from __future__ import annotations

import enum

from clusterctl.errors import BusUnavailable, ServerError, StoreUnavailable, Unencodable


class Fate(enum.Enum):
    """Decided once, here."""

    RETRY = "retry"
    SPLIT = "split"
    STOP = "stop"


OVERLOADED = frozenset(
    {
        159,  # timeout exceeded
        202,  # too many simultaneous queries
        745,  # server overloaded
        209,
        210,  # socket timeout, network
        173,
        241,  # memory: none to be had, or the limit reached
        201,  # quota of the user: an interval's allowance, which comes back with the next interval
        75,
        243,  # disk: a write that failed, not enough space
        499,  # object storage
        242,
        774,  # table is read-only, by its Keeper or by its own setting: both are undone, and the rows are good
        733,  # table is being restarted
        236,
        394,  # aborted, cancelled: by a person or by a server that shuts down
        285,
        286,  # too few live replicas, quorum not reached
        319,  # unknown status of the insert
        198,
        279,  # the server's own way to another server
        425,  # system error
        439,  # cannot schedule a task
        225,
        999,  # keeper away, keeper failed
    }
)
SPOILED = frozenset(
    {
        6,  # cannot parse text
        27,  # cannot parse input
        53,  # type mismatch
        70,  # cannot convert type
        117,  # incorrect data
        321,  # out of the type's range
        349,  # NULL in a column that is not Nullable
    }
)
TOO_MANY_PARTS = 252
"""One number, two meanings: too many parts passes with time, too many partitions in one block does not."""


def fate_of(error: Exception) -> Fate:
    """The fate of a block that failed with this error."""
    match error:
        case StoreUnavailable() | BusUnavailable():
            return Fate.RETRY
        case ServerError(code=code) if code in OVERLOADED:
            return Fate.RETRY
        case ServerError(code=code, text=text) if code == TOO_MANY_PARTS:
            return Fate.SPLIT if "too many partitions" in text.lower() else Fate.RETRY
        case ServerError(code=code) if code in SPOILED:
            return Fate.SPLIT
        case Unencodable():
            return Fate.SPLIT
        case _:
            return Fate.STOP
