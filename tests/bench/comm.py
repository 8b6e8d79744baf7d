"""`clusterctl comm analyze` beside HolisticTraceAnalysis on the same trace in the same run; and a gigabyte in bounded memory.

HolisticTraceAnalysis is installed by its name into an environment of its own, once a machine."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.fetch import cache
from tests.support.traces import GEMM, NCCL, Work, collective, event, host, mark, us

HTA = "HolisticTraceAnalysis"
HTA_VERSION = "0.5.0"
TRACE_MB = int(os.environ.get("CLUSTERCTL_BENCH_MB", "100"))
LARGE_MB = int(os.environ.get("CLUSTERCTL_BENCH_LARGE_MB", "1000"))
ROUNDS = int(os.environ.get("CLUSTERCTL_BENCH_ROUNDS", "3"))
BUDGET_TIMES = 10.0
KERNELS_A_STEP = 1_000
ELEMENTWISE = (
    "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::BFloat16>,"
    " at::detail::Array<char*, 3> >(int, at::native::CUDAFunctor_add<c10::BFloat16>, at::detail::Array<char*, 3>)"
)
LAUNCH = (
    '  {{\n    "ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 1,\n'
    '    "ts": {at}, "dur": 4.321, "args": {{"External id": {number}, "cbid": 211, "correlation": {number}}}\n  }}'
)
AS_EXACT_AS_OURS = {"HTA_DISABLE_NS_ROUNDING": "1"}
"""By itself it drops the last step and rounds to microseconds; then its overlap is another one."""
OURS = """
import json, pathlib, sys, time
from clusterctl.communication.analyze import Options, analyze
loaded = time.perf_counter()
found = analyze([pathlib.Path(sys.argv[1])], Options(window="span"), lambda path, count: None)
row = found.ranks[0]
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
print(json.dumps({"work_s": time.perf_counter() - loaded, "overlap_pct": 100 * (row.overlap_ratio or 0),
                  "events": found.details[0].events, "peak_mib": int(status["VmHWM"].split()[0]) / 1024}))
"""
THEIRS = """
import contextlib, io, json, logging, pathlib, sys, time
logging.disable(logging.CRITICAL)
from hta.trace_analysis import TraceAnalysis
loaded = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    analysis = TraceAnalysis(trace_files={0: sys.argv[1]}, include_last_profiler_step=True)
    analysis.get_temporal_breakdown(visualize=False)
    overlap = analysis.get_comm_comp_overlap(visualize=False)
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
print(json.dumps({"work_s": time.perf_counter() - loaded, "overlap_pct": float(overlap["comp_comm_overlap_pctg"].iloc[0]),
                  "events": 0, "peak_mib": int(status["VmHWM"].split()[0]) / 1024}))
"""


@dataclass(frozen=True)
class Run:
    """One process from its start to its end."""

    wall_s: float
    cpu_s: float
    work_s: float
    """Without loading libraries."""
    overlap_pct: float
    peak_mib: float


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rank0.pt.trace.json")
        megabytes = generate(path, TRACE_MB << 20) / 1e6
        theirs = [run([str(hta_python()), "-c", THEIRS, str(path)]) for _ in range(ROUNDS)]
        ours = [run([sys.executable, "-c", OURS, str(path)]) for _ in range(ROUNDS)]
        if abs(theirs[0].overlap_pct - ours[0].overlap_pct) > 0.01:
            raise AssertionError(f"the overlap differs: {theirs[0].overlap_pct} and {ours[0].overlap_pct}")
        show(f"{HTA} {HTA_VERSION}", theirs, megabytes)
        show("clusterctl", ours, megabytes)
        for what in ("wall_s", "cpu_s", "work_s"):
            times = min(getattr(one, what) for one in theirs) / min(getattr(one, what) for one in ours)
            print(f"  {what}: {times:.1f} times as fast (budget {BUDGET_TIMES:.0f})")
        path.unlink()
        megabytes = generate(path, LARGE_MB << 20) / 1e6
        show("clusterctl, large", [run([sys.executable, "-c", OURS, str(path)])], megabytes)


def generate(path: Path, size: int) -> int:
    """A trace like a training job's: per kernel its operator, launch and arrow; every 50th is an all-reduce. Its bytes."""
    draw = random.Random(1)
    at = 4_793_127_311_000
    with path.open("w", encoding="utf-8") as file:
        file.write('{\n  "schemaVersion": 1,\n  "distributedInfo": {"rank": 0, "world_size": 8},\n  "traceEvents": [\n')
        number = began = 0
        while file.tell() < size:
            began = began or at
            for _ in range(KERNELS_A_STEP):
                at += draw.randint(2_000, 20_000)
                number += 1
                file.write(_rows(at, number, draw) + ",\n")
            file.write(event(mark(number // KERNELS_A_STEP, began, at), 0) + ",\n")
            began = at
        file.write(event(Work(GEMM, at, 1_000), number) + '\n  ],\n  "traceName": "rank0.json"\n}\n')
    return path.stat().st_size


def _rows(at: int, number: int, draw: random.Random) -> str:
    length = draw.randint(1_000, 60_000)
    if number % 50 == 0:
        kernel = collective(at, at + length, size=8, sequence=number // 50, elements=1 << 20, kernel=NCCL)
    else:
        kernel = Work(GEMM if number % 3 else ELEMENTWISE, at, min(length, 9_000))
    launch = LAUNCH.format(at=us(at), number=number)
    return ",\n".join((host(kernel, number), launch, event(kernel, number)))


def hta_python() -> Path:
    """The interpreter of the environment in which the other one is."""
    home = cache() / f"hta-{HTA_VERSION}"
    python = home / "bin" / "python"
    if not (home / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", f"{HTA}=={HTA_VERSION}"], check=True)
        (home / "complete").touch()
    return python


def run(command: list[str]) -> Run:
    before = os.times()
    began = time.perf_counter()
    environment = {**os.environ, **AS_EXACT_AS_OURS}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    wall_s = time.perf_counter() - began
    after = os.times()
    told = json.loads(done.stdout.splitlines()[-1])
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(wall_s, cpu_s, told["work_s"], told["overlap_pct"], told["peak_mib"])


def show(name: str, runs: list[Run], megabytes: float) -> None:
    best = min(runs, key=lambda one: one.cpu_s)
    print(
        f"  {name}: {megabytes:,.0f} MB; best of {len(runs)}: {min(one.wall_s for one in runs):.2f} s,"
        f" CPU {best.cpu_s:.2f} s, {megabytes / best.cpu_s:,.0f} MB per second of CPU;"
        f" without loading libraries {min(one.work_s for one in runs):.2f} s;"
        f" peak {best.peak_mib:.0f} MiB; overlap {best.overlap_pct:.2f} %"
    )
