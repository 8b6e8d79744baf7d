"""The limit of dead letters, beyond which the fault is likely ours.

It is an allowance of time and not of a process: what a minute has used up stays used when the collector is started again,
however often a supervisor does that. Otherwise a topic would drain into dead letters, one fresh allowance a restart.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from clusterctl.clock import MS_PER_S, Clock
from clusterctl.config import Config
from clusterctl.errors import ClusterctlError, QuotaExceeded

MINUTE_S = 60.0
_HINT = "stopping is safer than draining the topic: is this collector older than the agents?"


@dataclass(frozen=True, slots=True)
class Used:
    """What was used up, as it lies on disk."""

    minute_ms: int = 0
    """When the minute began, by the wall clock."""
    records: int = 0
    dead: int = 0
    run: int = 0
    """Dead letters in a row."""


def quota_file(config: Config) -> Path:
    """Where a collector remembers what it has used up; collectors that share a directory have names of their own."""
    name = config.bus.instance_id
    suffix = f"-{hashlib.sha256(name.encode()).hexdigest()[:12]}" if name else ""
    return config.site.data_path() / f"collector-quota{suffix}.json"


class Quota:
    """Stops the collector when a share of a minute's records, or a run of them, are dead letters."""

    def __init__(self, clock: Clock, share: float, floor: int, in_a_row: int, memory: Path | None = None) -> None:
        self._clock = clock
        self._share = share
        self._floor = floor
        self._in_a_row = in_a_row
        self._memory = memory
        used = _remembered(memory)
        gone_s = (clock.now_ms() - used.minute_ms) / MS_PER_S
        self._minute_s = clock.monotonic_s()
        self._records = self._dead = 0
        self._run = used.run
        if 0 <= gone_s < MINUTE_S:
            self._minute_s -= gone_s
            self._records, self._dead = used.records, used.dead

    def good(self) -> None:
        """A record became rows."""
        self._turn()
        self._records += 1
        if self._run:
            self._run = 0
            self._remember()

    def bad(self, reason: str) -> None:
        """A record became a dead letter. Raises QuotaExceeded when it is one too many.

        What it used up is on disk when this returns, and so before the letter can be settled."""
        self._turn()
        self._records += 1
        self._dead += 1
        self._run += 1
        self._remember()
        if self._run > self._in_a_row:
            raise QuotaExceeded(f"{self._run} dead letters in a row, the last: {reason}", hint=_HINT)
        if self._dead > max(self._floor, self._share * self._records):
            raise QuotaExceeded(
                f"{self._dead} of {self._records} records of a minute are dead letters, the last: {reason}", hint=_HINT
            )

    def _turn(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._minute_s >= MINUTE_S:
            self._minute_s, self._records, self._dead = now_s, 0, 0

    def _remember(self) -> None:
        """A process that is killed is enough of a danger here, a power cut is not: no fsync."""
        if self._memory is None:
            return
        gone_ms = int((self._clock.monotonic_s() - self._minute_s) * MS_PER_S)
        used = Used(self._clock.now_ms() - gone_ms, self._records, self._dead, self._run)
        temporary = self._memory.with_suffix(f".{os.getpid()}")
        try:
            self._memory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.write_text(json.dumps(asdict(used)), encoding="ascii")
            temporary.replace(self._memory)
        except OSError as error:
            raise ClusterctlError(
                f"{self._memory}: {error.strerror}: the limit of dead letters cannot be kept",
                hint="give the collector a data directory (site.data_dir) that it can write",
            ) from error


def _remembered(memory: Path | None) -> Used:
    try:
        return Used() if memory is None else Used(**json.loads(memory.read_text(encoding="ascii")))
    except (FileNotFoundError, NotADirectoryError):
        return Used()
    except (ValueError, TypeError) as error:
        raise ClusterctlError(f"{memory}: not what a collector writes", hint="remove it") from error
