"""What the agent costs a node: eight GPUs through our libnvidia-ml.so.1 and eight NDR ports at 1 Hz, all its processes; once
with the local bus and once with a real broker, beside Debian's node exporter scraped at 1 Hz over the same tree.

The driver is fake, so its calls cost nothing: what is measured is the agent. `CLUSTERCTL_BENCH_S` shortens the five minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.servers import broker
from tests.support.cli import Running, ok
from tests.support.gpu_node import GpuNode
from tests.support.servers import free_port

SECONDS = float(os.environ.get("CLUSTERCTL_BENCH_S", "300"))
SETTLE_S = 75.0
"""A minute of every tier, so that what is measured is the steady state."""
CPU_BUDGET, PSS_BUDGET = 0.5, 64.0
EXPORTER = "prometheus-node-exporter"


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_s(pid: int) -> float:
    """Time on a core of all threads, by the scheduler's own clock: ticks of 10 ms are too coarse for this."""
    total = 0
    for member in family(pid):
        for task in Path(f"/proc/{member}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def pss_mib(pid: int) -> float:
    """Memory of all of them, shared pages shared out."""
    total = 0
    for member in family(pid):
        for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


@contextmanager
def exporter(sysfs: Path) -> Iterator[int | None]:
    """Debian's node exporter over the same tree, scraped once a second; its pid, None where it is not installed."""
    program = shutil.which(EXPORTER)
    if program is None:
        yield None
        return
    address = f"127.0.0.1:{free_port()}"
    command = [program, f"--path.sysfs={sysfs}", f"--web.listen-address={address}", "--collector.infiniband"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop = threading.Event()

    def scrape() -> None:
        while not stop.wait(1.0):
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
                page.read()

    time.sleep(2.0)
    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    try:
        yield process.pid
    finally:
        stop.set()
        thread.join()
        process.kill()
        process.wait()


def measure(name: str, env: dict[str, str], rival: int | None) -> None:
    """Run an agent, and print what it took."""
    with Running(env, "agent", "run") as agent:
        time.sleep(SETTLE_S)
        pids = {name: agent.process.pid, **({EXPORTER: rival} if rival else {})}
        before, began = {who: cpu_s(pid) for who, pid in pids.items()}, time.monotonic()
        time.sleep(SECONDS)
        took_s = time.monotonic() - began
        for who, pid in pids.items():
            share = 100 * (cpu_s(pid) - before[who]) / took_s
            budget = f" (budget {CPU_BUDGET} %, {PSS_BUDGET:.0f} MiB)" if who == name else ""
            print(f"{who}: CPU {share:.3f} % of one core, PSS {pss_mib(pid):.1f} MiB{budget}", flush=True)
        agent.stop(60.0)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        node = GpuNode(
            home, home / "nvml", {"CLUSTERCTL_SITE_DATA_DIR": str(home / "data"), "CLUSTERCTL_SITE_HOST": "bench"}
        )
        if os.access("/dev/kmsg", os.R_OK):
            node.env["CLUSTERCTL_AGENT_KMSG_PATH"] = "/dev/kmsg"
        node.env["CLUSTERCTL_AGENT_METRICS_LISTEN"] = f"127.0.0.1:{free_port()}"
        print(f"8 GPUs, 8 ports, 1 Hz, {SECONDS:.0f} s after {SETTLE_S:.0f} s, Python {sys.version.split()[0]}")
        with exporter(node.sysfs) as rival:
            if rival is None:
                print(f"{EXPORTER} is not installed: apt-get install {EXPORTER}")
            measure("agent, local bus", node.env, rival)
        with broker() as (env, _):
            env = {**env, **node.env, "CLUSTERCTL_SITE_DATA_DIR": str(home / "fleet")}
            ok(env, "topics", "apply")
            measure("agent, Kafka", env, None)
