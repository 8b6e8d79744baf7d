"""A pass over a day of 10,000 GPUs at 1 Hz: hours pick the suspects, minutes are read of those and of some peers."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from clusterctl.analytics.migrate import migrate
from clusterctl.analytics.slow.jobs import Job, looked_at
from clusterctl.analytics.slow.refresh import look, refresh
from clusterctl.analytics.write import insert_rows
from clusterctl.clock import MS_PER_DAY, MS_PER_MINUTE
from clusterctl.config import AnalyticsConfig
from clusterctl.schema import ROLLUP_RUN
from clusterctl.schema.rolled import THROTTLES
from clusterctl.store import Store
from clusterctl.store.embedded import EmbeddedStore

NODES, NODES_A_JOB, GPUS = 1_250, 50, 8
SLOW = (3, 57, 120)
"""Nodes whose GPU 0 runs at 85 % of its clock, for heat, from the twelfth hour on."""
HOURS, RAW_MINUTES = 24, 30
"""What is rolled up, and what is not yet: between 15 and 75 minutes on a server that rolls up in time."""
HOUR_MS = 60 * MS_PER_MINUTE
CLOCK = "if(toUInt32(substring(host, 2)) IN {slow} AND gpu = 0 AND {late}, 1683., 1980.)"


def _jobs(store: Store, start_ms: int) -> list[str]:
    store.execute(
        "INSERT INTO job (cluster, host, boot_id, seq, ts, job_id, owner, scheduler, gpus, end_state, schema_version,"
        f" bus_partition, bus_offset) SELECT 'big', concat('n', toString(number)), 'b', number,"
        f" fromUnixTimestamp64Milli({start_ms}, 'UTC'), concat('j', toString(intDiv(number, {NODES_A_JOB}))), 'me', 'slurm',"
        f" {GPUS}, '', 1, 0, number FROM numbers({NODES})"
    )
    hosts: list[str] = []
    for suspect in SLOW:
        first = suspect // NODES_A_JOB * NODES_A_JOB
        names = {f"n{number}": (0, 1) for number in range(first, first + NODES_A_JOB)}
        hosts += looked_at(Job(f"j{first // NODES_A_JOB}", names, GPUS * NODES_A_JOB), [f"n{suspect}"])
    return hosts


def _hours(store: Store, start_ms: int) -> None:
    zero = [f"throttle_{name}_ticks" for name in THROTTLES if name != "hw_thermal"]
    clock = CLOCK.format(slow=SLOW, late=f"h >= {HOURS // 2}")
    store.execute(
        f"INSERT INTO gpu_hour (cluster, host, gpu_uuid, boot_id, hour, first_ts, last_ts, ticks, job_ticks, resets,"
        f" {', '.join(zero)}, throttle_hw_thermal_ticks, util_ratio_count, util_ratio_sum, sm_clock_mhz_count,"
        " sm_clock_mhz_sum, memory_clock_mhz_count, memory_clock_mhz_sum, power_mw_count, power_mw_sum,"
        " sm_active_ratio_count, sm_active_ratio_sum, tensor_active_ratio_count, tensor_active_ratio_sum,"
        " nvlink_rx_bytes_per_s_count, nvlink_rx_bytes_per_s_sum, nvlink_tx_bytes_per_s_sum, retired, version)"
        f" SELECT 'big', concat('n', toString(intDiv(number, {GPUS}) % {NODES})) AS host, concat(host, '-', toString(gpu)),"
        f" 'b', at, at, at, 3600, 3600, 0, {', '.join('0' for _ in zero)}, if(clock < 1900, 3000, 0), 3600, 3600, 3600,"
        " 3600 * clock, 3600, 3600 * 2619, 3600, 3600 * 600000, 3600, 3600 * 0.6 * 1980 / clock, 3600,"
        " 3600 * 0.4 * 1980 / clock, 3600, 3600 * 1e11, 3600 * 1e11, 0, 1"
        f" FROM (SELECT number, number % {GPUS} AS gpu, intDiv(number, {NODES * GPUS}) AS h,"
        f" fromUnixTimestamp64Milli({start_ms} + h * {HOUR_MS}, 'UTC') AS at,"
        f" concat('n', toString(intDiv(number, {GPUS}) % {NODES})) AS host, {clock} * (1 + 0.005 * randNormal(0, 1)) AS clock"
        f" FROM numbers({NODES * GPUS * HOURS}))"
    )


def _raw(store: Store, start_ms: int, first_s: int, seconds: int, hosts: list[str]) -> None:
    """Samples of some nodes at 1 Hz."""
    names = ", ".join(f"'{host}'" for host in hosts)
    clock = CLOCK.format(slow=SLOW, late=f"s >= {HOURS // 2 * 3_600}")
    store.execute(
        "INSERT INTO gpu_sample (cluster, host, boot_id, seq, ts, gpu_uuid, gpu_index, pci, power_mw, sm_clock_mhz,"
        " memory_clock_mhz, throttle_mask, util_ratio, sm_active_ratio, tensor_active_ratio, nvlink_rx_bytes_per_s,"
        " nvlink_tx_bytes_per_s, pcie_rx_bytes_per_s, pcie_tx_bytes_per_s, job_id, memory_total_bytes, schema_version,"
        " bus_partition, bus_offset)"
        f" SELECT 'big', host, 'b', s, fromUnixTimestamp64Milli({start_ms} + s * 1000, 'UTC'),"
        " concat(host, '-', toString(gpu)), gpu, '', toUInt32(600000 * (1 + 0.02 * noise)),"
        " toUInt16(clock * (1 + 0.01 * noise)), 2619, if(clock < 1900, 68, 4), 1,"
        " 0.6 * 1980 / clock * (1 + 0.05 * noise), 0.4 * 1980 / clock, 1e11 * (1 + 0.1 * noise), 1e11, 1e9, 1e9,"
        f" concat('j', toString(intDiv(toUInt32(substring(host, 2)), {NODES_A_JOB}))), 85520809984, 1, 0, s"
        f" FROM (SELECT [{names}][1 + intDiv(number, {GPUS}) % {len(hosts)}] AS host, number % {GPUS} AS gpu,"
        f" {first_s} + intDiv(number, {GPUS * len(hosts)}) AS s, randNormal(0, 1) AS noise, {clock} AS clock"
        f" FROM numbers({GPUS * len(hosts) * seconds}))"
    )


def _fill(store: Store, start_ms: int) -> None:
    hosts = _jobs(store, start_ms)
    _hours(store, start_ms)
    for hour in range(HOURS):
        _raw(store, start_ms, hour * 3_600, 3_600, hosts)
    everyone = [f"n{number}" for number in range(NODES)]
    for minute in range(0, RAW_MINUTES, 5):
        _raw(store, start_ms, HOURS * 3_600 + minute * 60, 300, everyone)
    until = start_ms + HOURS * HOUR_MS
    note = {"scope": "pass", "period": 0, "until": until, "settled_at": until, "hosts": 0, "took_ms": 0, "version": 1}
    insert_rows(store, ROLLUP_RUN, [{"rollup": "gpu_hour", **note}])


def main() -> None:
    start_ms = (time.time_ns() // 1_000_000 // MS_PER_DAY - 3) * MS_PER_DAY
    now_ms = start_ms + HOURS * HOUR_MS + RAW_MINUTES * MS_PER_MINUTE
    with tempfile.TemporaryDirectory() as folder:
        store = EmbeddedStore(Path(folder))
        migrate(store)
        _fill(store, start_ms)
        filled_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began, cpu_s = time.perf_counter(), time.process_time()
        (outcome,) = look(store, AnalyticsConfig(), now_ms)
        took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_s
        began = time.perf_counter()
        refresh(store, AnalyticsConfig(), now_ms + 1_000)
        idle_s = time.perf_counter() - began
        found = store.query("SELECT host, metric FROM slow_finding FINAL WHERE retired = 0 ORDER BY host, metric").rows
        store.close()
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{NODES * GPUS:,} GPUs, {HOURS} h rolled up and {RAW_MINUTES} min not: {took_s:.1f} s, {cpu_s:.1f} s of CPU")
    print(f"{outcome.compared} units compared by minute; peak {peak_mib:,.0f} MiB (filling took {filled_mib:,.0f})")
    print(f"nothing due: {1000 * idle_s:.0f} ms; found {found}")
