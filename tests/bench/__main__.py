"""`make bench`, or `python -m tests.bench NAME …`: each benchmark prints its figure beside its budget."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.bench import (
    agent,
    codecs,
    collector,
    comm,
    fleetload,
    hook,
    kafka_engine,
    kmsg,
    latency,
    peers,
    probes,
    profile,
    report,
    report_year,
    rollup,
    slow,
    slowness,
    statistics,
    storage,
    times,
    wirespeed,
)

BENCHES: dict[str, Callable[[], None]] = {
    "wire": wirespeed.main,
    "agent": agent.main,
    "probes": probes.main,
    "kmsg": kmsg.main,
    "hook": hook.main,
    "profile": profile.main,
    "latency": latency.main,
    "collector": collector.main,
    "fleet": fleetload.main,
    "kafka_engine": kafka_engine.main,
    "storage": storage.main,
    "codecs": codecs.main,
    "peers": peers.main,
    "report": report.main,
    "report_year": report_year.main,
    "rollup": rollup.main,
    "comm": comm.main,
    "slow": slow.main,
    "slowness": slowness.main,
    "statistics": statistics.main,
    "times": times.main,
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(BENCHES)
    for name in chosen:
        print(f"== {name}", flush=True)
        BENCHES[name]()
