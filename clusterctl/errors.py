"""Every error the product raises, on one screen.

ClusterctlError               has `hint`: what to do next
├── ConfigError               file, key, and what was expected
├── InputError                a file, option or column that the user gave
├── DecodeError               a message that is not ours, from the future, or impossible
├── BusError
│   ├── BusUnavailable        broker away: time can cure it
│   ├── CommitRefused         the group has moved on: abandon the block
│   ├── RecordTooLarge        no retry will make it fit
│   └── OffsetsLost           the log begins after the position we hold
├── StoreError
│   ├── StoreUnavailable      socket, time-out, end of stream: time can cure it
│   ├── ServerError           the engine refused; `code` is ClickHouse's
│   ├── QueryTooDear          a report's query would cost more than it may
│   ├── Unencodable           a value does not fit its column
│   ├── StoreLocked           another process owns the data directory and does not answer
│   └── SchemaBehind          the database is not what this version declares
└── QuotaExceeded             too many dead letters: the fault is most likely ours
"""

from __future__ import annotations


class ClusterctlError(Exception):
    """Base of all; `hint` tells a person what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(ClusterctlError):
    """A configuration that cannot be used."""


class InputError(ClusterctlError):
    """A file, option or column from the user that cannot be used."""


class DecodeError(ClusterctlError):
    """A message that cannot become rows; its text is the dead letter's reason."""


class BusError(ClusterctlError):
    """The bus did not do what was asked."""


class BusUnavailable(BusError):
    """The broker is away or slow; time can cure it."""


class CommitRefused(BusError):
    """The group has moved on; the partition is someone else's now."""


class RecordTooLarge(BusError):
    """The broker will never take this record."""


class OffsetsLost(BusError):
    """Records we had not read are gone; loud, because a silent reset would hide the gap."""


class StoreError(ClusterctlError):
    """The store did not do what was asked."""


class StoreUnavailable(StoreError):
    """The connection failed or timed out; the outcome of the last statement is unknown."""


class ServerError(StoreError):
    """ClickHouse answered with an exception of its own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"ClickHouse error {code}: {text}")
        self.code = code
        self.text = text


class QueryTooDear(StoreError):
    """A read that reached its bound of time, memory or rows, or tried to write."""


class Unencodable(StoreError):
    """A value that its column cannot hold."""


class StoreLocked(StoreError):
    """The embedded engine's directory belongs to another process that does not answer."""


class SchemaBehind(StoreError):
    """Tables are missing or differ from the declaration."""


class QuotaExceeded(ClusterctlError):
    """Dead letters passed their limit; stopping is safer than draining the topic."""
