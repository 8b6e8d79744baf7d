"""From one NVML reading to rows and events. No driver and no clock of its own: what changed is judged against before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any

import msgspec

from clusterctl.agent.facts import Facts
from clusterctl.agent.gpu import HUNG, GpuReading
from clusterctl.schema import GPU_HEALTH, GPU_LINK_SAMPLE, GPU_SAMPLE, MIG_SAMPLE, NVLINK_SAMPLE, Table
from clusterctl.wire import carries

LINK_EVERY_MS = 600_000
"""A link of which nothing changed is told again this often, so that its silence can be told from its absence."""
UNNAMED = "index "
"""What the worker calls a GPU that it could not find out the UUID of."""
ERROR_EVERY_S = 3_600.0
MAX_ERRORS = 256
_LINK_FIELDS = tuple(field.name for field in NVLINK_SAMPLE.fields)
_LINK_STEADY = frozenset(_LINK_FIELDS) - {"ts", "effective_ber", "symbol_ber"} - {f"fec_{n}" for n in range(16)}
"""What makes a link worth a row when it changes; corrected symbols come and go all the time."""
Owner = Callable[[str], tuple[str | None, str | None]]
Rows = list[msgspec.Struct]


def sample_rows(reading: GpuReading, tick_ms: int, owner: Owner, mig_owner: Owner) -> dict[Table, Rows]:
    """Rows of every table that this reading has something for. A GPU without an answer has a row without readings."""
    found: dict[Table, list[dict[str, Any]]] = {GPU_SAMPLE: [], GPU_LINK_SAMPLE: [], GPU_HEALTH: [], MIG_SAMPLE: []}
    for gpu in reading.gpus:
        where = {"ts": tick_ms, "gpu_uuid": gpu["uuid"], "gpu_index": gpu["index"], "pci": gpu["pci"]}
        found[GPU_SAMPLE].append({**where, **gpu["sample"], **_owned(owner, gpu["uuid"])})
        for name, table in (("links", GPU_LINK_SAMPLE), ("health", GPU_HEALTH)):
            if name in gpu:
                found[table].append({**where, **gpu[name]})
        for device in gpu.get("mig", ()):
            row = {"ts": tick_ms, "gpu_uuid": gpu["uuid"], **device, **_owned(mig_owner, device["mig_uuid"])}
            row.pop("pids")
            found[MIG_SAMPLE].append(row)
    return {table: _rows(table, values) for table, values in found.items()}


def _owned(owner: Owner, uuid: str) -> dict[str, str | None]:
    job_id, scheduler = owner(uuid)
    return {"job_id": job_id, "job_scheduler": scheduler}


def _rows(table: Table, found: list[dict[str, Any]]) -> Rows:
    """One odd number of a driver (all bits set, say) must not cost the batch its place on the bus: what its column cannot
    carry is missing. That is looked at value by value only when the rows as a whole would not travel."""
    names = set(table.struct.__struct_fields__)
    if all(values.keys() <= names for values in found):
        rows = [table.row(**values) for values in found]
        if carries(table, rows):
            return rows
    fitting = [_fitting(table, values) for values in found]
    return [
        row for row in fitting if carries(table, [row])
    ]  # a name or number that is part of the key cannot be missing


def _limits(table: Table) -> dict[str, tuple[type, float, float]]:
    """Of every column: its type, and the least and greatest number that it carries."""
    return {
        field.name: (
            field.type.python,
            -inf if field.type.low is None else field.type.low,
            2**64 - 1 if field.type.high is None else field.type.high,
        )
        for field in table.fields
    }


_LIMITS = {table: _limits(table) for table in (GPU_SAMPLE, GPU_LINK_SAMPLE, GPU_HEALTH, NVLINK_SAMPLE, MIG_SAMPLE)}


def _fitting(table: Table, values: dict[str, Any]) -> msgspec.Struct:
    """A row of what the table has and can carry."""
    limits = _LIMITS[table]
    return table.row(**{name: _carried(value, *limits[name]) for name, value in values.items() if name in limits})


def _carried(value: Any, kind: type, low: float, high: float) -> Any:
    """The value as its column has it; None if the column cannot."""
    if not isinstance(value, (int, float)):
        return value
    if not low <= value <= high:
        return None
    return int(value) if kind is int else value


def pids_of(reading: GpuReading) -> dict[str, list[int]]:
    """Processes by GPU; a GPU whose processes NVML does not tell is not in it."""
    return {gpu["uuid"]: gpu["pids"] for gpu in reading.gpus if gpu.get("pids") is not None}


def mig_pids_of(reading: GpuReading) -> dict[str, list[int]]:
    """The same by MIG device."""
    devices = (device for gpu in reading.gpus for device in gpu.get("mig", ()))
    return {device["mig_uuid"]: device["pids"] for device in devices if device["pids"] is not None}


class LinkBook:
    """NVLinks as they were last told."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, int], tuple[int, tuple[Any, ...]]] = {}

    def rows(self, reading: GpuReading, tick_ms: int) -> Rows:
        """A row for each link that has changed, or has not been told of for ten minutes."""
        return [
            row
            for gpu in reading.gpus
            for link in gpu.get("nvlinks", ())
            if (row := self._row(gpu["uuid"], link, tick_ms)) is not None
        ]

    def _row(self, uuid: str, link: dict[str, Any], tick_ms: int) -> msgspec.Struct | None:
        steady = tuple(
            sorted((name, value) for name, value in link.items() if name in _LINK_STEADY and name != "remote_link")
        )
        told_ms, before = self._told.get((uuid, link["link"]), (0, ()))
        if before == steady and abs(tick_ms - told_ms) < LINK_EVERY_MS:  # abs: a clock that was set back
            return None
        self._told[uuid, link["link"]] = (tick_ms, steady)
        return _fitting(NVLINK_SAMPLE, {"ts": tick_ms, "gpu_uuid": uuid, **link})


class GpuNews:
    """What happened to GPUs between one reading and the next, as events."""

    def __init__(self, facts: Facts, hung_after_s: float) -> None:
        self._facts = facts
        self._hung_after_s = hung_after_s
        self._before = GpuReading(missing="not_asked_yet")
        self._hung: set[str] = set()
        self._said_s: dict[tuple[str, int, str], float] = {}

    @property
    def hung(self) -> set[str]:
        """UUIDs of GPUs that have not come back from a question for longer than the deadline."""
        return self._hung

    def events(self, reading: GpuReading, now_s: float) -> Rows:
        """Events of this reading. Each state is told when it begins and, for a hang, when it ends."""
        before, self._before = self._before, reading
        rows = [self._nvml(event) for event in reading.events]
        rows += [self._facts.event("driver", what, "info", source="nvml") for what in reading.driver_events]
        rows += [self._of("gpu_lost", "", "fail", uuid, reading) for uuid in reading.lost if uuid not in before.lost]
        rows += self._hangs(reading, before)
        for gpu in reading.gpus:
            rows += self._errors(gpu, now_s)
            for name in gpu.get("moved", ()):
                rows.append(self._of("agent", "tier_moved", "info", gpu["uuid"], reading, {"reading": name}))
        return rows

    def _hangs(self, reading: GpuReading, before: GpuReading) -> Rows:
        rows = []
        if reading.missing == HUNG and before.missing != HUNG:
            rows.append(self._facts.event(HUNG, "", "fail"))
        hung = {uuid for uuid, seconds in reading.stuck_s.items() if seconds >= self._hung_after_s}
        answered = {gpu["uuid"] for gpu in reading.gpus if gpu["sample"]}
        if not reading.missing:  # found at last: it has a name from now on
            answered |= {name for name in self._hung if name.startswith(UNNAMED) and name not in reading.stuck_s}
        back = answered & self._hung - hung
        rows += [self._of(HUNG, "", "fail", uuid, reading) for uuid in sorted(hung - self._hung)]
        rows += [self._of("nvml_back", "", "info", uuid, reading) for uuid in sorted(back)]
        self._hung = (self._hung | hung) - back  # one that nobody could ask is not back
        return rows

    def _nvml(self, event: dict[str, Any]) -> msgspec.Struct:
        """Xids under the name that the log gives them, so that the two meet; the rest under their own."""
        where = {"pci": event["pci"], "gpu_uuid": event["gpu_uuid"]}
        fields = {name: event[name] for name in ("gpu_instance",) if name in event}
        if event["kind"] == "xid":
            return self._facts.event("xid", str(event["data"]), "fail", source="nvml", fields=fields, **where)
        fields["data"] = event["data"]
        return self._facts.event("nvml", event["kind"], "warn", source="nvml", fields=fields, **where)

    def _errors(self, gpu: dict[str, Any], now_s: float) -> Iterable[msgspec.Struct]:
        """Return codes that are facts about health (no permission, reset required, unknown), once an hour each."""
        for code, function in gpu.get("errors", ()):
            key = (gpu["uuid"], code, function)
            if now_s - self._said_s.get(key, -ERROR_EVERY_S) < ERROR_EVERY_S:
                continue
            if len(self._said_s) >= MAX_ERRORS:
                self._said_s.clear()
            self._said_s[key] = now_s
            yield self._facts.event(
                "nvml_error", str(code), "warn", gpu_uuid=gpu["uuid"], pci=gpu["pci"], fields={"function": function}
            )

    def _of(
        self, kind: str, code: str, severity: str, uuid: str, reading: GpuReading, fields: dict[str, Any] | None = None
    ) -> msgspec.Struct:
        pci = next((gpu["pci"] for gpu in reading.gpus if gpu["uuid"] == uuid), "")
        if not pci:  # hung while it was being found: it has an index, and no name yet
            code, uuid = uuid, ""
        return self._facts.event(kind, code, severity, gpu_uuid=uuid, pci=pci, fields=fields or {})
