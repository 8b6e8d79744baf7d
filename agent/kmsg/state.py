"""What the kernel-log follower must remember, in one file that is replaced as a whole.

Rows are written down here before they are handed on, and handed on again after a restart: the same rows under the same
keys, which count once. So a kill at any point loses nothing and counts nothing twice.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import msgspec

from clusterctl.agent.kmsg.events import Saved
from clusterctl.schema import EVENT

log = logging.getLogger(__name__)
MAX_BYTES = 16 << 20


class State(msgspec.Struct):
    """`rows` were being handed on when this was written; `uuids` are what the log said of the GPUs of this boot."""

    boot_id: str
    path: str
    position: dict[str, int] = {}
    boot_ms: int | None = None
    coalescer: Saved = msgspec.field(default_factory=Saved)
    rows: list[Any] = []
    uuids: dict[str, str] = {}


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(State)


class StateFile:
    """The file at `path`. A disk that is full costs what a kill then repeats, and is said once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failed = False

    def load(self) -> State | None:
        """What was saved; None if nothing was, or nothing that can be read."""
        try:
            with self._path.open("rb") as file:
                state = _decoder.decode(file.read(MAX_BYTES))
            state.rows = [msgspec.convert(row, EVENT.struct) for row in state.rows]
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return state

    def save(self, state: State) -> None:
        """Replace the file."""
        temporary = self._path.with_suffix(".tmp")
        try:
            temporary.write_bytes(_encoder.encode(state))
            os.replace(temporary, self._path)
            self._failed = False
        except OSError as error:
            if not self._failed:
                log.error("the place in the kernel log cannot be kept: %s", error)
            self._failed = True
