"""Communication of three jobs: one with an exact capture beside telemetry of grade B, one with bounds only, one refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from clusterctl.analytics.imports.envelope import ENVELOPE
from clusterctl.analytics.reports import model_comm
from clusterctl.clock import iso_text, to_ms

BEGIN = datetime(2026, 10, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
MODEL = "NVIDIA H100 80GB HBM3"
BLANK: Mapping[str, Any] = {
    **ENVELOPE,
    **dict.fromkeys(
        ("host", "reason", "window", "ts_source", "layout", "gpu_model", "total_mark", "late", "fields"), ""
    ),
    "rank": 0,
}
LABEL = "model, not validated on hardware"


def row(cluster: str, job: str, at: datetime, minutes: float, source: str, grade: str, **values: Any) -> dict[str, Any]:
    """A row of a whole job, unless told otherwise."""
    until = to_ms(at + timedelta(minutes=minutes))
    given = {
        "cluster": cluster,
        "job_id": job,
        "ts": to_ms(at),
        "until": until,
        "source": source,
        "grade": grade,
        "scope": "job",
    }
    return {**BLANK, **given, **values}


def collective_rows(cluster: str) -> Iterator[dict[str, Any]]:
    """Twelve hours: `both` on 512 ranks (B each hour, an exact capture of three steps at noon), `bounds` (C, with a point that no
    report may show), `refused`."""
    for hour in range(12):
        at = BEGIN + hour * HOUR
        later = 0.04 if hour >= 6 else 0.0
        shares = {"exposed_ratio": 0.08 + later, "exposed_low_ratio": 0.06 + later, "exposed_high_ratio": 0.10 + later}
        whole = {"ranks": 512, "world_size": 512, "gpu_model": MODEL, "layout": "tp8.pp4.dp16"}
        yield row(cluster, "both", at, 10, "telemetry", "B", **whole, **shares, total_ratio=0.2, total_mark="at least",
                  silent_ratio=0.02, moving_ratio=0.06 + later, late="gpu-9/GPU-x" if hour >= 6 else "")  # fmt: skip
        yield row(cluster, "bounds", at, 10, "telemetry", "C", ranks=64, world_size=64, gpu_model=MODEL, exposed_ratio=0.0777,
                  exposed_low_ratio=0.03, exposed_high_ratio=0.153, reason="local links are busy between the bursts: "
                  "communication may hide there", total_ratio=0.11, total_mark="at least", silent_ratio=0.031, moving_ratio=0.042)  # fmt: skip
        yield row(
            cluster, "refused", at, 10, "telemetry", "none", ranks=0, world_size=16, reason="no samples: hostile\n<b>"
        )
    at = BEGIN + 12 * HOUR
    parts = {"window_ns": 3_000_000, "compute_ns": 2_400_000, "comm_ns": 900_000, "exposed_ns": 330_000, "overlap_ns": 570_000,
             "memory_ns": 60_000, "idle_ns": 240_000, "fused_ns": 30_000, "wait_ns": 200_000, "exposed_wait_ns": 110_000}  # fmt: skip
    yield row(cluster, "both", at, 0.1, "kineto", "exact", ranks=512, world_size=512, steps=3, exposed_ratio=0.11, total_ratio=0.3,
              total_mark="exact", late="2", layout="tp8.pp4.dp16", gpu_model=MODEL, busbw_gbs=312.5, **parts)  # fmt: skip
    for rank, share in enumerate((0.12, 0.13, 0.05, 0.14)):
        yield row(
            cluster,
            "both",
            at,
            0.1,
            "kineto",
            "exact",
            scope="rank",
            rank=rank,
            host=f"gpu-{rank}",
            exposed_ratio=share,
        )


def exposed(
    source: str, grade: str, value: float | None, low: float | None, high: float | None, **values: Any
) -> model_comm.Exposed:
    """A line of a source, half a day long."""
    given: dict[str, Any] = {
        "reason": "", "since": iso_text(BEGIN), "until": iso_text(BEGIN + 12 * HOUR), "windows": 12, "window_hours": 2.0, "steps": None,
        "ranks": 512, "ranks_of_job": 512, "total": 0.2, "total_mark": "at least", "overlap": None, "wait": 0.021, "transfer": 0.079,
        "fused": None, "idle": None, "busbw_gbs": None, "label": LABEL,
    }  # fmt: skip
    return model_comm.Exposed(source=source, grade=grade, value=value, low=low, high=high, **{**given, **values})


def points(start: float, count: int, *, pointed: bool, first: int = 0) -> list[model_comm.CommPoint]:
    """An hour apart, rising; with a value where the grade has one."""
    shares = [start + 0.002 * n for n in range(count)]
    return [
        model_comm.CommPoint(
            iso_text(BEGIN + (first + n) * HOUR),
            1,
            share if pointed else None,
            share - 0.021,
            share + 0.023,
            0.02,
            share,
        )
        for n, share in enumerate(shares)
    ]


def communication() -> model_comm.Communication:
    """As a report has it: the worst and the best that there is, and everything that can be in the section."""
    exact = exposed("kineto", "exact", 0.1101, 0.1101, 0.1101, windows=1, steps=3, total_mark="exact", overlap=0.63, fused=0.011,
                    idle=0.08, busbw_gbs=312.5, label="", until=iso_text(BEGIN + timedelta(seconds=6)))  # fmt: skip
    bounds = exposed("telemetry", "C", None, 0.03, 0.15, ranks=64, ranks_of_job=64, total=0.11, reason="local links are busy between "
                     "the bursts: communication may hide there")  # fmt: skip
    refused = exposed("telemetry", "none", None, None, None, ranks=0, ranks_of_job=16, total=None, total_mark="", wait=None,
                      transfer=None, label="", reason="fewer than 30 samples with readings")  # fmt: skip
    undecided = [model_comm.Against(line, "not decided", "grade C: bounds only") for line in (0.06, 0.12)]
    none = [model_comm.Against(line, "not decided", "fewer than 30 samples with readings") for line in (0.06, 0.12)]
    decided = [model_comm.Against(0.06, "above", ""), model_comm.Against(0.12, "below", "")]
    telemetry = model_comm.CommSegment(
        "telemetry", "B", "tp8.pp4.dp16", 512, None, "start", points(0.08, 12, pointed=True)
    )
    capture = [model_comm.CommPoint(iso_text(BEGIN + 5 * HOUR), 1, 0.1101, 0.1101, 0.1101, 0.037, 0.073)]
    jobs = [
        model_comm.CommJob(
            "llm-70b-pretrain", 512, 6144.0, "scheduler", MODEL, "tp8.pp4.dp16", 2, iso_text(BEGIN), None, exact,
            [exposed("telemetry", "B", 0.102, 0.081, 0.125)], model_comm.RankSpread(0.121, 0.05, 0.14, 512, iso_text(BEGIN)),
            decided, model_comm.Halving(0.058, 0.058, 0.062, 0.062, 357.9, 357.9),
            [model_comm.SlowRank("17", "gpu-00017", 9, 12)], [model_comm.SlowLink("gpu-00302", "mlx5_4", 0.38, iso_text(BEGIN))],
            model_comm.Hint("network", "B", "transfer grew from 8.0 % to 12.0 % of the step; more errors on ports of its nodes", []),
            [telemetry, model_comm.CommSegment("kineto", "exact", "tp8.pp4.dp16", 512, None, "start", capture)],
            model_comm.Traced("kineto", iso_text(BEGIN + timedelta(seconds=6)), ["NCCL", "DeepEP and kin"],
                              [f"void site::fused_thing_{n}<float, {n}>(float*, int)" for n in range(5)], 17, 0.62, ["31fb33eb6c"]),
        ),
        model_comm.CommJob(
            "moe-8x22b", 64, 768.0, "scheduler", MODEL, "", 1, None, None, bounds, [], None, undecided,
            model_comm.Halving(0.015, 0.081, 0.0155, 0.088, 11.8, 62.4), [], [],
            model_comm.Hint("unknown", "C", "", ["a trace: the grade has bounds only"]),
            [model_comm.CommSegment("telemetry", "C", "", 64, None, "start", points(0.09, 6, pointed=False)),
             model_comm.CommSegment("telemetry", "D", "", 64, None, "grade", points(0.07, 6, pointed=False, first=6))],
            None,
        ),
        model_comm.CommJob("short", 16, 2.7, "windows", "", "", 1, None, None, refused, [], None, none, None, [], [],
                           model_comm.Hint("unknown", "", "", ["a trend of at least 4 points of one grade and configuration"]), [], None),
    ]  # fmt: skip
    groups = [
        model_comm.CommGroup("all", "all jobs", 3, 6914.7, None, 0.1012, 0.1145, 0.0, 0.888, 0.0, 0.111, 0.0004),
        model_comm.CommGroup("job_size", "8 to 63", 1, 2.7, None, None, None, 0.0, 0.0, 0.0, 0.0, 1.0),
        model_comm.CommGroup("job_size", "256 to 1,023", 1, 6144.0, 0.1101, 0.1101, 0.1101, 0.0, 1.0, 0.0, 0.0, 0.0),
        model_comm.CommGroup("gpu_model", MODEL, 2, 6912.0, None, 0.1012, 0.1145, 0.0, 0.889, 0.0, 0.111, 0.0),
        model_comm.CommGroup("grade", "C", 1, 768.0, None, 0.03, 0.15, 0.0, 0.0, 0.0, 1.0, 0.0),
    ]
    shares = [model_comm.CommShare(n / 100, 0.0 if n < 12 else 0.889 if n < 15 else 1.0, 0.0 if n < 3 else 0.111 if n < 12 else 1.0)
              for n in range(16)]  # fmt: skip
    return model_comm.Communication("", [0.06, 0.12], jobs, 37, 410.25, groups, shares, 6912.0)
