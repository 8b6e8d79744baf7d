"""What the agent costs a node: eight GPUs through our libnvidia-ml.so.1 and eight ports at 1 Hz, all its processes.

The driver is fake, so its calls cost nothing: what is measured is the agent.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.support.cli import Running

SECONDS = 60
CPU_BUDGET, PSS_BUDGET = 0.5, 64.0


def tree(root: Path) -> None:
    for number in range(8):
        port = root / f"class/infiniband/mlx5_{number}/ports/1"
        (port / "counters").mkdir(parents=True)
        (port / "state").write_text("4: ACTIVE\n")
        (port / "rate").write_text("400 Gb/sec (4X NDR)\n")
        (port / "link_layer").write_text("InfiniBand\n")
        for name in ("port_rcv_data", "port_xmit_data", "port_rcv_packets", "port_xmit_packets", "symbol_error",
                     "link_error_recovery", "link_downed", "port_rcv_errors", "port_xmit_discards", "port_xmit_wait",
                     "local_link_integrity_errors", "excessive_buffer_overrun_errors"):  # fmt: skip
            (port / "counters" / name).write_text("123456\n")


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def cpu_s(pid: int) -> float:
    return sum(p.cpu_times().user + p.cpu_times().system for p in family(pid))


def pss_mib(pid: int) -> float:
    total = 0
    for process in family(pid):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def main() -> None:
    source = Path(__file__).resolve().parents[1] / "support" / "fake_nvml" / "nvml.c"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-w", "-Wl,-soname,libnvidia-ml.so.1", "-o",
                        str(home / "libnvidia-ml.so.1"), str(source)], check=True)  # fmt: skip
        (home / "scenario").write_text("gpus 8\n")
        (home / "kmsg").touch()
        tree(home / "sys")
        env = {
            "LD_LIBRARY_PATH": str(home), "FAKE_NVML_SCENARIO": str(home / "scenario"),
            "CLUSTERCTL_SITE_DATA_DIR": str(home / "data"), "CLUSTERCTL_AGENT_PERIOD_S": "1",
            "CLUSTERCTL_AGENT_SYSFS_ROOT": str(home / "sys"), "CLUSTERCTL_AGENT_KMSG_PATH": str(home / "kmsg"),
        }  # fmt: skip
        with Running(env, "agent", "run") as agent:
            time.sleep(10)
            before, began = cpu_s(agent.process.pid), time.monotonic()
            time.sleep(SECONDS)
            share = 100 * (cpu_s(agent.process.pid) - before) / (time.monotonic() - began)
            pss = pss_mib(agent.process.pid)
            agent.stop()
    print(f"CPU {share:.2f} % of one core (budget {CPU_BUDGET}), PSS {pss:.1f} MiB (budget {PSS_BUDGET:.0f}), "
          f"{SECONDS} s, Python {sys.version.split()[0]}")  # fmt: skip
