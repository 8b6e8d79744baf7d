"""A training job on the CPU with gloo, for an environment of its own: `torch_job.py INTO STEPS EVERY WAIT SIZE LAYERS`.

Each rank prints a line of JSON with what became of its profiler schedule. With WAIT it stays after a window until the summary
or trace is there, so that the next window never comes too early."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

try:
    from clusterctl import hook
except ImportError:
    import hook  # copied beside this file

FIRST = 1000
AFTER = 20


def model(size: int, layers: int) -> Any:
    parts: list[Any] = []
    for _ in range(layers):
        parts += [torch.nn.Linear(size, size), torch.nn.ReLU()]
    return torch.nn.parallel.DistributedDataParallel(torch.nn.Sequential(*parts))


def wait_for(into: Path, step: int, until_s: float) -> None:
    while not list(into.glob(f"*.step{step}.*")) and time.monotonic() < until_s:
        time.sleep(0.05)


def main(into: Path, steps: int, every: int, wait: bool, size: int, layers: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    net = model(size, layers)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    profile = hook.profile(str(into), every_steps=every, max_overhead=10.0, mark_steps=True)
    loss = torch.zeros(1)
    for number in range(FIRST, FIRST + steps):
        loss = net(torch.randn(64, size)).square().mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        profile.step(number)
        if wait and number % every == AFTER and profile.counts.get("profiled"):
            wait_for(into, number - AFTER + 1, time.monotonic() + 60)
    told = {
        "rank": dist.get_rank(),
        "off": profile.off,
        "counts": dict(profile.counts),
        "finite": bool(loss.isfinite()),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]),
        int(sys.argv[3]),
        bool(int(sys.argv[4])),
        int(sys.argv[5]),
        int(sys.argv[6]),
    )
