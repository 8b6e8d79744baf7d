"""Events that the agent itself states: what it lost, found hung, moved or missed. The log's own events come from `kmsg`."""

from __future__ import annotations

import json
import threading
from typing import Any

import msgspec

from clusterctl.clock import Clock
from clusterctl.schema import EVENT

MAX_TEXT = 4_096


class Facts:
    """Rows of `event` with numbers of their own; threads may share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._seq = clock.now_ms() * 1_000
        self.driver_version = ""

    def event(self, kind: str, code: str, severity: str, *, source: str = "agent", **more: Any) -> msgspec.Struct:
        """One event, now. `more` has other columns; `fields` may be a dict."""
        now_ms = self._clock.now_ms()
        with self._turn:
            self._seq += 1
            seq = self._seq
        fields = more.pop("fields", "{}")
        text = fields if isinstance(fields, str) else json.dumps(fields, sort_keys=True)
        values: dict[str, Any] = {
            "ts": now_ms,
            "last_ts": now_ms,
            "count": 1,
            "pci": "",
            "gpu_uuid": "",
            "process": "",
            "text": "",
            "ts_source": "wall",
            **more,
        }
        return EVENT.row(
            kind=kind,
            code=code,
            severity=severity,
            source=source,
            source_seq=seq,
            driver_version=self.driver_version,
            fields=text if len(text) <= MAX_TEXT else "{}",
            **values,
        )
