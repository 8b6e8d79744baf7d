"""Telemetry of this machine, taken by the whole product: the agent with its real probes, the collector, the embedded store.

Host, ports, disks and file systems are this machine's own; GPUs are those of the fake driver (tests/support/fake_nvml), on
the real path through pynvml and the NVML process. `python -m tests.bench.recording FOLDER SECONDS` keeps one for later:
the benchmarks read it where `CLUSTERCTL_BENCH_RECORDING` names its folder, and record `CLUSTERCTL_BENCH_S` seconds themselves
where it does not.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clusterctl.store.embedded import EmbeddedStore
from tests.support.cli import Running
from tests.support.fake_nvml import FakeNvml

SECONDS = float(os.environ.get("CLUSTERCTL_BENCH_S", "120"))
RECORDED = (
    "gpu_sample",
    "gpu_link_sample",
    "gpu_health",
    "host_sample",
    "nic_sample",
    "disk_sample",
    "filesystem_sample",
)


def record(home: Path, seconds: float, period_s: float = 1.0) -> None:
    """Run `clusterctl up` for a while, with its data in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    nvml = FakeNvml(home / "nvml", scenario=home / "scenario")
    nvml.say("driver 580.95.05", "gpus 8 h100")
    env = {"CLUSTERCTL_SITE_DATA_DIR": str(home / "data"), "CLUSTERCTL_SITE_HOST": "gpu-00000",
           "CLUSTERCTL_AGENT_METRICS_LISTEN": "", **nvml.env}  # fmt: skip
    with Running(env, "up", "--period-s", str(period_s)) as product:
        time.sleep(seconds)
        product.stop(60.0)


@contextmanager
def recorded() -> Iterator[EmbeddedStore]:
    """The store of a kept recording, or of one made now."""
    kept = os.environ.get("CLUSTERCTL_BENCH_RECORDING")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(kept) if kept else Path(folder)
        if not kept:
            print(f"recording this machine for {SECONDS:.0f} s", flush=True)
            record(home, SECONDS)
        store = EmbeddedStore(home / "data" / "store", wait_s=20.0)
        try:
            yield store
        finally:
            store.close()


if __name__ == "__main__":
    record(Path(sys.argv[1]), float(sys.argv[2]))
