"""What the files that speak to Kafka share: its errors as ours, and the checksum that it needs."""

from __future__ import annotations

from typing import Any

from kafka import errors as kafka_errors
from kafka.record import util as record_util

from clusterctl.bus import Position
from clusterctl.errors import BusError, BusUnavailable, ClusterctlError, CommitRefused, RecordTooLarge

GROUP_MOVED_ON = (
    kafka_errors.CommitFailedError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.FencedInstanceIdError,
)
TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)


def require_fast_checksum() -> None:
    """Without the compiled crc32c one core checks 12 MB/s; better not to start than to fall behind in silence."""
    if record_util.crc32c_c is None or record_util.calc_crc32c(b"123456789") != 0xE3069283:
        raise ClusterctlError("kafka-python does not use the compiled crc32c", hint="pip install crc32c")


def translated(error: Exception) -> BusError:
    """What time can cure, what will never fit, what means that the group has moved on, and the rest."""
    if isinstance(error, GROUP_MOVED_ON):
        return CommitRefused(f"{type(error).__name__}: {error}")
    if isinstance(error, TOO_LARGE):
        return RecordTooLarge(str(error))
    if isinstance(error, (kafka_errors.RetriableError, kafka_errors.KafkaConnectionError, OSError)):
        return BusUnavailable(
            f"{type(error).__name__}: {error}", hint="is the broker up, and bus.bootstrap_servers right?"
        )
    return BusError(f"{type(error).__name__}: {error}")


def position_of(found: Any) -> Position | None:
    """A committed offset with its note; None if the group never had one."""
    return None if found is None or found.offset < 0 else Position(found.offset, found.metadata or "")
