"""Exports and logs of collectives as their tools write them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.traces import Work

PID = 4711 << 24


def nsight(
    path: Path, events: Sequence[Work], ranges: Sequence[tuple[str, int, int]] = (), *, pids: bool = True
) -> Path:  # fmt: skip
    """An export with the tables and columns that matter; `ranges` are NVTX texts with start and end. Without `pids` it is
    one that does not tell processes and threads."""
    texts: dict[str, int] = {}
    with closing(sqlite3.connect(path)) as database:
        pid = ", globalPid INTEGER" if pids else ""
        threads = ", textId INTEGER, globalTid INTEGER" if pids else ""
        database.executescript(
            "CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);"
            'CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER, "end" INTEGER, deviceId INTEGER, streamId INTEGER,'
            f" demangledName INTEGER, shortName INTEGER{pid});"
            'CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INTEGER, "end" INTEGER, deviceId INTEGER, copyKind INTEGER);'
            'CREATE TABLE CUPTI_ACTIVITY_KIND_MEMSET (start INTEGER, "end" INTEGER, deviceId INTEGER);'
            f'CREATE TABLE NVTX_EVENTS (start INTEGER, "end" INTEGER, text TEXT{threads});'
        )
        for one in events:
            if one.cat == "gpu_memcpy":
                kind = 10 if "PtoP" in one.name else 1
                database.execute(
                    "INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (?, ?, ?, ?)", (one.start, one.end, one.device, kind)
                )
                continue
            number = texts.setdefault(one.name, len(texts) + 1)
            row = (one.start, one.end, one.device, one.stream, number, 0, *([PID + (one.device << 24)] if pids else []))
            database.execute(f"INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES ({','.join('?' * len(row))})", row)
        for text, start, end in ranges:
            number = texts.setdefault(text, len(texts) + 1)
            row = (start, end, None, number, PID + 99) if pids else (start, end, text)
            database.execute(f"INSERT INTO NVTX_EVENTS VALUES ({','.join('?' * len(row))})", row)
        database.executemany("INSERT INTO StringIds VALUES (?, ?)", [(n, text) for text, n in texts.items()])
        database.commit()
    return path


def inspector_line(
    number: int | None, coll: str, size: int, exec_us: float, *, n: int = 8, rank: int = 0, dump: int = 1_000_000,
    group: str = "0x7f8c", kernels: Sequence[tuple[int, int]] = (), busbw: float | None = None, version: str = "v4.0"
) -> str:  # fmt: skip
    """A collective that finished."""
    perf: dict[str, Any] = {
        "coll": coll, "coll_sn": number, "coll_msg_size_bytes": size, "coll_exec_time_us": exec_us,
        "coll_timing_source": "kernel_gpu",
    }  # fmt: skip
    if busbw is not None:
        perf["coll_busbw_gbs"] = busbw
    if kernels:
        perf["event_trace_ts"] = {
            "coll_start_ts": 1,
            "kernel_events": [
                {"channel_id": c, "kernel_start_ts": a, "kernel_stop_ts": b} for c, (a, b) in enumerate(kernels)
            ],
        }
    return json.dumps(
        {
            "header": {"id": group, "rank": rank, "n_ranks": n, "nnodes": 1},
            "metadata": {
                "inspector_output_format_version": version,
                "dump_timestamp_us": dump,
                "hostname": "n",
                "pid": 1,
            },
            "coll_perf": perf,
        }
    )


def plugin_trace(channels: Sequence[tuple[str, str, int, int]]) -> str:
    """A file of the example plugin, with its hexadecimal that is no JSON. `channels`: begin and end in us as text, and
    the GPU's clocks, 0 where missing."""
    rows = [
        '{"name": "Group API", "cat": "GROUP_API", "ph": "b", "id": 0, "pid": 7, "tid": 1, "ts": 1.5,'
        ' "args": {"groupApiId": 0}}',
        '{"name": "KernelLaunch", "cat": "KERNEL_LAUNCH", "ph": "b", "id": 0, "pid": 7, "tid": 1, "ts": 0.000000,'
        ' "args": {"groupId": 0, "Stream": 0x262ca50}}',
        '{"name": "AllReduce", "cat": "COLL", "ph": "b", "id": 0, "pid": 7, "tid": 1, "ts": 2.0, "args": {"SeqNum": 0,'
        ' "CommHash": 12715772615376301750, "Rank": 3, "Count": 1024, "Datatype": "ncclFloat32", "nChannels": 2}}',
    ]
    for number, (began, ended, start, stop) in enumerate(channels):
        common = f'"name": "KernelCh", "cat": "GPU", "id": {number}, "pid": 7, "tid": 1'
        clocks = f'"Channel": {number}, "StartGpuClk": {start}, "StopGpuClk": 0'
        rows.append(f'{{{common}, "ph": "b", "ts": {began}, "args": {{{clocks}}}}}')
        rows.append(f'{{{common}, "ph": "e", "ts": {ended}, "args": {{"StopGpuClk": {stop}}}}}')
    return "[\n" + ",\n".join(rows) + ",\n{}]\n"


def flight_dump(durations_ms: Sequence[float | None], state: str = "completed") -> dict[str, Any]:
    """A dump of all-reduces of 2 x 3 floats in one group."""
    entries = [
        {
            "process_group": ("0", "default_pg"), "profiling_name": "nccl:all_reduce", "collective_seq_id": n + 1,
            "p2p_seq_id": 0, "op_id": n + 1, "input_sizes": [[2, 3]], "input_dtypes": ["Float"], "output_sizes": [[2, 3]],
            "output_dtypes": ["Float"], "state": state, "time_created_ns": 1_700_000_000_000_000_000 + n,
            "time_discovered_started_ns": None, "time_discovered_completed_ns": None, "duration_ms": duration,
            "retired": True, "timeout_ms": 600000, "is_p2p": False, "frames": [],
        }
        for n, duration in enumerate(durations_ms)
    ]  # fmt: skip
    return {"version": "2.10", "pg_config": {"0": {"name": "0", "desc": "default_pg", "ranks": "[0, 1]"}},
            "pg_status": {"0": {"last_enqueued_collective": 2}}, "entries": entries}  # fmt: skip


DEBUG_LOG = """\
node1:100:101 [0] NCCL INFO Bootstrap : Using eth0:10.0.0.1<0>
node1:100:101 [0] NCCL INFO AllReduce: opCount 1e7 sendbuff 0x7f1 recvbuff 0x7f2 count 1024 datatype 7 op 0 root 0 comm 0x55a [nranks=8] stream 0x55b
node1:100:101 [0] 12.5 NCCL INFO AllGather: opCount 1e8 sendbuff 0x7f1 recvbuff 0x7f2 count 4096 datatype 9 op 0 root 0 comm 0x55a [nranks=8] stream 0x55b
node1:100:102 [0] NCCL INFO Send: opCount 0 sendbuff (nil) recvbuff 0x7f2 count 10 datatype 0 op 0 root 1 comm 0x66 [nranks=2] stream 0x1 task 0 globalrank 3
"""  # noqa: E501
