"""`make bench`, or `python -m tests.bench NAME …`: each benchmark prints its figure beside its budget."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.bench import (
    agent,
    codecs,
    collector,
    fleetload,
    hook,
    kafka_engine,
    kmsg,
    latency,
    peers,
    probes,
    report,
    rollup,
    storage,
    wirespeed,
)

BENCHES: dict[str, Callable[[], None]] = {
    "wire": wirespeed.main,
    "agent": agent.main,
    "probes": probes.main,
    "kmsg": kmsg.main,
    "hook": hook.main,
    "latency": latency.main,
    "collector": collector.main,
    "fleet": fleetload.main,
    "kafka_engine": kafka_engine.main,
    "storage": storage.main,
    "codecs": codecs.main,
    "peers": peers.main,
    "report": report.main,
    "rollup": rollup.main,
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(BENCHES)
    for name in chosen:
        print(f"== {name}", flush=True)
        BENCHES[name]()
