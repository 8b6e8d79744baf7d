"""One table of one group of hosts: from scenes to messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from clusterctl.packs import VERSION, Pack
from clusterctl.schema import SCHEMA_VERSION
from clusterctl.simulate.form import Form
from clusterctl.simulate.names import LIVE, Names, device_count, live, positions, text_columns
from clusterctl.simulate.noise import Array
from clusterctl.simulate.plan import LOST, LOST_GPU, Hosts, Plan
from clusterctl.simulate.readings import Fixed, Number, Reading
from clusterctl.simulate.scene import Scene
from clusterctl.simulate.tables import GPU, LINK, Told
from clusterctl.simulate.tables_slow import LINKS_PER_GPU

_encoder = msgspec.msgpack.Encoder()
Texts = list[list[str | None]]


def present_devices(plan: Plan, told: Told, doing: str, fast: bool) -> list[int]:
    """A GPU that does not answer keeps its row of each tick, without readings, and has none in slower tables."""
    devices = list(range(device_count(plan, told.device)))
    if doing != LOST or fast:
        return devices
    if told.device == GPU:
        devices.remove(LOST_GPU)
    if told.device == LINK:
        return [device for device in devices if device // LINKS_PER_GPU != LOST_GPU]
    return devices


class Packing:
    """Makes the packs of one table for hosts that do the same; what never changes is written once."""

    def __init__(self, plan: Plan, told: Told, doing: str, hosts: int, ticks: int, fast: bool) -> None:
        self._plan, self._told = plan, told
        readings = dict(told.readings)
        if "period_ms" in readings:
            readings["period_ms"] = Fixed(plan.period_ms)
        self._devices = present_devices(plan, told, doing, fast)
        self._numbers = np.array(self._devices)
        self._texts = text_columns(told, doing)
        missing = {name: self._places(devices) for name, devices in told.missing.items()}
        if fast and doing == LOST and told.device == GPU:
            missing = {name: (LOST_GPU,) for name in readings if _nullable(told, name)}
        present = {"ts", *self._texts, *readings}
        self.form = Form(told.table, hosts, len(self._devices), ticks, present, missing)
        self._salts = {name: salt for salt, name in enumerate(readings)}
        self._moving = {name: reading for name, reading in readings.items() if not isinstance(reading, (Fixed, Number))}
        self._keep_steady(hosts, readings)

    @property
    def rows(self) -> int:
        """Of one pack."""
        return self.form.rows

    @property
    def values(self) -> int:
        """Readings and names of one pack that are there."""
        return self.form.values

    def _places(self, devices: Sequence[int]) -> tuple[int, ...]:
        return tuple(self._devices.index(device) for device in devices if device in self._devices)

    def _keep_steady(self, hosts: int, readings: Mapping[str, Reading]) -> None:
        for name, reading in readings.items():
            if isinstance(reading, (Fixed, Number)):
                self.form.put(name, hosts, reading.steady(self._numbers))
        for name, what in self._texts.items():
            self.form.put(name, hosts, np.array(self._positions(what))[None, :, None])

    def _positions(self, what: str) -> list[int]:
        found = positions(what, self._devices)
        order = {position: place for place, position in enumerate(dict.fromkeys(found))}
        return [order[position] for position in found]

    def texts_of(self, names: Names, place: int) -> Texts:
        """The dictionaries of a host; None in the place of one that changes each time."""
        return [self._dictionary(names.of(what, place), what) if what != LIVE else [] for what in self._ordered()]

    def _ordered(self) -> list[str]:
        return [self._texts[field.name] for field in self._told.table.fields if field.name in self._texts]

    def _dictionary(self, whole: list[str | None], what: str) -> list[str | None]:
        if len(whole) == 1:
            return whole
        return [whole[position] for position in dict.fromkeys(positions_in(what, self._devices))]

    def messages(
        self,
        hosts: Hosts,
        chosen: Sequence[int],
        texts: Sequence[Texts],
        scene: Scene,
        ts_ms: Array,
        seq: Array,
        sent_ms: int,
    ) -> Iterator[bytes]:
        """A message for each of the `chosen` hosts. `ts_ms` and `seq` are [hosts, ticks]."""
        count, form = len(chosen), self.form
        form.put("ts", count, ts_ms[:, None, :])
        form.put("seq", count, seq[:, None, :])
        for name, reading in self._moving.items():
            form.put(name, count, reading.values(scene, self._numbers, self._salts[name]))
        moving_texts = self._live(hosts, chosen, int(ts_ms.max()))
        table, layout, rows, cluster = form.table.name, form.layout, form.rows, self._plan.cluster
        for number, (place, blob) in enumerate(zip(chosen, form.blobs(count), strict=True)):
            held = texts[place]
            if moving_texts is not None:
                held = [*held[:-1], moving_texts[number]]
            yield _encoder.encode(
                Pack(
                    VERSION, cluster, hosts.names[place], hosts.boot_ids[place], sent_ms, table, SCHEMA_VERSION, rows,
                    layout, blob, held,
                )
            )  # fmt: skip

    def _live(self, hosts: Hosts, chosen: Sequence[int], ts_ms: int) -> Texts | None:
        """Dictionaries of the column that changes each time, which is the last text of its table."""
        if LIVE not in self._texts.values():
            return None
        return live([int(hosts.numbers[place]) for place in chosen], len(self._devices), ts_ms)


def positions_in(what: str, devices: Sequence[int]) -> list[int]:
    """Where in a whole node's list each device's text stands."""
    return [device // LINKS_PER_GPU for device in devices] if what == "gpu_of_link" else list(devices)


def _nullable(told: Told, name: str) -> bool:
    return next(field for field in told.table.fields if field.name == name).nullable
