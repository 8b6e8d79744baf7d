"""The same samples in ClickHouse as we use it, in VictoriaMetrics and in Prometheus: bytes on disk after merging, CPU of the
server while it takes them in, and the time of three questions.

64 simulated GPUs for two hours at 1 Hz, and what this machine told of its host and ports, moved to the same two hours. The
peers are Debian's: `apt-get install victoria-metrics prometheus`. They get the same remote-write requests, a minute of a node
each; ClickHouse gets blocks as the collector makes them. A sample is a number at a time: text (job names) is stored by
ClickHouse alone, and counts for nothing.
"""

from __future__ import annotations

import http.client
import json
import shutil
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from clusterctl.analytics.migrate import migrate
from clusterctl.config import load
from clusterctl.schema import GPU_SAMPLE, HOST_SAMPLE, NIC_SAMPLE, Table
from clusterctl.store.driver import DriverStore, create_database
from clusterctl.store.embedded import EmbeddedStore
from tests.bench.native import block
from tests.bench.recording import recorded
from tests.bench.remotewrite import HEADERS, Series, request
from tests.bench.telemetry import GPUS, Columns, Fleet, telemetry
from tests.support.servers import ClickHouseServer, Server, free_port

MINUTE_MS, BLOCK_S, ASKED = 60_000, 1_200, 5
LABELS = ("cluster", "host", "gpu_uuid", "port")


@dataclass
class Measured:
    """What one system took, and what it answered."""

    name: str
    disk_bytes: int = 0
    cpu_s: float = 0.0
    took_s: float = 0.0
    asked_ms: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)


class Samples:
    """The rows of each table, and the same as series."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.nodes: list[Columns] = [node[GPU_SAMPLE] for node in telemetry(fleet)]
        self.gpu = str(self.nodes[0]["gpu_uuid"][0])
        self.own = dict(_own(fleet.start_ms))
        self.series = [[*_gpu_series(columns, fleet)] for columns in self.nodes]
        self.series[0] += [one for table, columns in self.own.items() for one in _series(table, columns)]
        self.count = sum(len(series.at_ms) for node in self.series for series in node)

    def requests(self) -> Iterator[bytes]:
        """Bodies of remote-write, in the order of time."""
        for begin in range(self.fleet.start_ms, self.fleet.start_ms + self.fleet.seconds * 1_000, MINUTE_MS):
            for node in self.series:
                yield request(series.between(begin, begin + MINUTE_MS) for series in node)

    def blocks(self) -> Iterator[tuple[Table, bytes]]:
        """Blocks of many nodes' rows of some minutes, as a collector cuts them."""
        for begin in range(0, self.fleet.seconds, BLOCK_S):
            yield GPU_SAMPLE, b"".join(block(GPU_SAMPLE, _cut(columns, begin)) for columns in self.nodes)
        for table, columns in self.own.items():
            yield table, block(table, columns)


def _cut(columns: Columns, begin: int) -> Columns:
    return {
        name: value.reshape(GPUS, -1)[:, begin : begin + BLOCK_S].ravel() if isinstance(value, np.ndarray) else value
        for name, value in columns.items()
    }


def _gpu_series(columns: Columns, fleet: Fleet) -> Iterator[Series]:
    each = fleet.seconds // fleet.period_s
    for index in range(GPUS):
        rows = slice(index * each, (index + 1) * each)
        yield from _series(GPU_SAMPLE, {k: v[rows] if isinstance(v, np.ndarray) else v for k, v in columns.items()})


def _series(table: Table, columns: Columns) -> Iterator[Series]:
    """A series for each reading that is a number and is there at least once."""
    labels = {name: str(np.ravel(columns[name])[0]) for name in LABELS if name in columns}
    for one in table.fields:
        values = columns.get(one.name)
        if not one.nullable or "String" in one.type.clickhouse or not isinstance(values, np.ndarray):
            continue
        there = ~np.ma.getmaskarray(values)
        data = np.ma.getdata(values)[there]
        data = data.astype(np.float32) if one.type.clickhouse.startswith("Float") else np.trunc(data.astype(np.float64))
        if len(data):
            yield Series(one.name, labels, columns["ts"][there], data)


def _own(start_ms: int) -> Iterator[tuple[Table, Columns]]:
    """This machine's host and ports, moved to the simulation's time."""
    with recorded() as store:
        for table in (HOST_SAMPLE, NIC_SAMPLE):
            found = [(column, _column(store, table, column.name)) for column in table.columns]
            columns = {column.name: values for column, values in found}
            columns["ts"] += start_ms - int(columns["ts"].min()) // 1_000 * 1_000
            yield table, columns


def _column(store: EmbeddedStore, table: Table, name: str) -> Any:
    kind = next(column.type.clickhouse for column in table.columns if column.name == name)
    wanted = f"toUnixTimestamp64Milli({name})" if kind.startswith("DateTime64") else name
    wanted = f"toUnixTimestamp({name})" if kind.startswith("DateTime(") else wanted
    values = [row[0] for row in store.query(f"SELECT {wanted} FROM {table.name} ORDER BY {', '.join(table.key)}").rows]
    missing = np.array([value is None for value in values])
    text = "String" in kind
    filled = np.array([("" if text else 0) if value is None else value for value in values])
    return np.ma.masked_array(filled, missing) if missing.any() else filled


class Http:
    """A server on this machine, one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def __call__(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, **query: str
    ) -> bytes:
        """The answer's body; anything but success raises."""
        self._connection.request(
            method, f"{path}?{urllib.parse.urlencode(query)}" if query else path, body, headers or {}
        )
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {content[:300]!r}")
        return content


def size_of(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def take_in(server: Server, measured: Measured, send: Callable[[], None]) -> None:
    """Run `send`, and note the server's CPU and the time."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    send()
    measured.took_s, measured.cpu_s = time.monotonic() - began, sum(process.cpu_times()[:2]) - before


def ask(measured: Measured, questions: list[Callable[[], float]]) -> None:
    """The least time of several, and one number of each answer."""
    for question in questions:
        least, answer = float("inf"), 0.0
        for _ in range(ASKED):
            began = time.perf_counter()
            answer = question()
            least = min(least, time.perf_counter() - began)
        measured.asked_ms.append(least * 1e3)
        measured.answers.append(answer)


def promql(http_: Http, samples: Samples) -> list[Callable[[], float]]:
    """The questions in PromQL."""
    begin_s = samples.fleet.start_ms / 1_000
    end_s = begin_s + samples.fleet.seconds - 1

    def result(path: str, **query: str) -> Any:
        return json.loads(http_("GET", f"/api/v1/{path}", nocache="1", **query))["data"]["result"]

    whole = f"[{samples.fleet.seconds}s]"
    series = f'{{__name__=~"power_mw|temp_c|sm_clock_mhz",gpu_uuid="{samples.gpu}"}}'
    return [
        lambda: float(np.mean([float(value) for _, value in result(
            "query_range", query="avg(avg_over_time(power_mw[1m]))", start=str(begin_s + 60), end=str(begin_s + 3_600),
            step="60")[0]["values"]])),
        lambda: float(sum(len(one["values"]) for one in result(
            "query", query=f"{series}{whole}", time=str(end_s)))),
        lambda: float(len(result("query", query=f"topk(10, increase(ecc_corrected{whole}))", time=str(end_s)))),
    ]  # fmt: skip


def prometheus(samples: Samples, home: Path) -> Measured:
    """Remote write; then a snapshot, which writes the head as blocks, and is what is weighed: no WAL."""
    measured, port, server = Measured("Prometheus"), free_port(), Server("prometheus", home / "prometheus.log")
    (home / "prometheus.yml").write_text("global: {}\n")
    server.spawn(["prometheus", f"--config.file={home / 'prometheus.yml'}", f"--storage.tsdb.path={home / 'prometheus'}",
                  f"--web.listen-address=127.0.0.1:{port}", "--web.enable-remote-write-receiver", "--web.enable-admin-api",
                  "--storage.tsdb.retention.time=10y"], lambda: _ready(port, "/-/ready"))  # fmt: skip
    try:
        http_ = Http(port)

        def send() -> None:
            for body in samples.requests():
                http_("POST", "/api/v1/write", body, HEADERS)
            http_("POST", "/api/v1/admin/tsdb/snapshot")

        take_in(server, measured, send)
        measured.disk_bytes = size_of(home / "prometheus" / "snapshots")
        ask(measured, promql(http_, samples))
    finally:
        server.stop()
    return measured


def victoria_metrics(samples: Samples, home: Path) -> Measured:
    """Remote write; then everything flushed and merged."""
    measured, port, server = Measured("VictoriaMetrics"), free_port(), Server("victoria-metrics", home / "victoria.log")
    server.spawn(["victoria-metrics", f"-storageDataPath={home / 'victoria'}", f"-httpListenAddr=127.0.0.1:{port}",
                  "-retentionPeriod=10y"], lambda: _ready(port, "/health"))  # fmt: skip
    try:
        http_ = Http(port)

        def send() -> None:
            for body in samples.requests():
                http_("POST", "/api/v1/write", body, HEADERS)
            http_("GET", "/internal/force_flush")
            http_("GET", "/internal/force_merge")

        take_in(server, measured, send)
        measured.disk_bytes = _settled(home / "victoria")
        ask(measured, promql(http_, samples))
    finally:
        server.stop()
    return measured


def _settled(folder: Path) -> int:
    """Its size once merging has stopped changing it."""
    size, same = -1, 0
    while same < 5:
        time.sleep(1.0)
        now = size_of(folder)
        same, size = (same + 1 if now == size else 0), now
    return size


def _ready(port: int, path: str) -> bool:
    try:
        Http(port)("GET", path)
    except (OSError, RuntimeError):
        return False
    return True


def clickhouse(samples: Samples, home: Path) -> Measured:
    """Blocks over HTTP in the Native format; then merged."""
    measured, server = Measured("ClickHouse, our schema"), ClickHouseServer(home)
    server.start()
    config = load(None, {"CLUSTERCTL_STORE_KIND": "clickhouse", "CLUSTERCTL_STORE_PORT": str(server.port)}).store
    try:
        create_database(config)
        store, http_ = DriverStore(config), Http(server.http_port)
        migrate(store)
        tables = (GPU_SAMPLE, *samples.own)

        def send() -> None:
            for table, body in samples.blocks():
                http_("POST", "/", body, database=config.database, query=f"INSERT INTO {table.name} FORMAT Native")
            for table in tables:
                store.execute(f"OPTIMIZE TABLE {table.name} FINAL")

        take_in(server, measured, send)
        names = ", ".join(f"'{table.name}'" for table in tables)
        weighed = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        measured.disk_bytes = int(store.query(f"{weighed} AND table IN ({names})").rows[0][0])
        ask(measured, sql(http_, config.database, samples))
        store.close()
    finally:
        server.stop()
    return measured


def sql(http_: Http, database: str, samples: Samples) -> list[Callable[[], float]]:
    """The questions in SQL."""
    begin = f"fromUnixTimestamp64Milli({samples.fleet.start_ms})"

    def rows(text: str) -> list[Any]:
        answer = http_("POST", "/", text.encode(), database=database, default_format="JSONCompact")
        return list(json.loads(answer)["data"])

    one_gpu = f"cluster = 'alpha' AND host = 'gpu-00000' AND gpu_uuid = '{samples.gpu}'"
    return [
        lambda: float(np.mean([row[1] for row in rows(
            "SELECT toStartOfMinute(ts) AS minute, avg(power_mw) FROM gpu_sample FINAL "
            f"WHERE ts >= {begin} AND ts < {begin} + INTERVAL 1 HOUR GROUP BY minute ORDER BY minute")])),
        lambda: float(sum(value is not None for row in rows(
            "SELECT ts, power_mw, temp_c, sm_clock_mhz FROM gpu_sample FINAL "
            f"WHERE {one_gpu} ORDER BY ts") for value in row[1:])),
        lambda: float(len(rows(
            "SELECT host, gpu_uuid, max(ecc_corrected) - min(ecc_corrected) AS more FROM gpu_sample FINAL "
            "GROUP BY host, gpu_uuid, boot_id ORDER BY more DESC LIMIT 10"))),
    ]  # fmt: skip


def report(samples: Samples, rows: list[Measured]) -> None:
    """One table."""
    print(f"{samples.count:,} samples of {sum(map(len, samples.series)):,} series")
    print("queries: average power of all by the minute, an hour; three readings of one GPU, all of them; the ten GPUs that "
          "gained most corrected ECC errors")  # fmt: skip
    print("system | bytes a sample | server CPU s | samples per CPU s | queries, ms | answers")
    for row in rows:
        asked = " / ".join(f"{ms:.1f}" for ms in row.asked_ms)
        answers = " / ".join(f"{answer:,.0f}" for answer in row.answers)
        print(f"{row.name} | {row.disk_bytes / samples.count:.3f} | {row.cpu_s:.1f} | {samples.count / row.cpu_s:,.0f} | "
              f"{asked} | {answers}", flush=True)  # fmt: skip


def main() -> None:
    start_ms = (int(time.time()) - 4 * 3_600) // 3_600 * 3_600 * 1_000
    samples = Samples(Fleet(start_ms=start_ms))
    rows = []
    for program, measure in (("", clickhouse), ("victoria-metrics", victoria_metrics), ("prometheus", prometheus)):
        if program and shutil.which(program) is None:
            print(f"{program} is not installed: apt-get install {program}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(samples, Path(folder)))
    report(samples, rows)


if __name__ == "__main__":
    main()
