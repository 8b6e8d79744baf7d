"""What the network and host probes cost a tick: nine NDR ports with all their counters, and this machine's own /proc.

The trees are plain files, so this is the agent's own time: a driver that asks its firmware for each counter adds the
kernel's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from clusterctl.agent.probes.cost import own_cost, own_pids
from clusterctl.agent.probes.host import HostProbe
from clusterctl.agent.probes.net import NetProbe
from clusterctl.agent.probes.pci import PciGpus
from tests.support.sysfs import h100_node, make_sysfs

ROUNDS = 60
APART_S = 0.05
"""Between two calls, as at 1 Hz, caches are taken by others: calls in a row would look twice as cheap."""
NET_BUDGET_MS, HOST_BUDGET_MS = 0.4, 0.35


def cpu_ms(call: Callable[[], object]) -> float:
    """Median CPU time of one call."""
    took = []
    for _ in range(ROUNDS):
        time.sleep(APART_S)
        began = time.thread_time_ns()
        call()
        took.append(time.thread_time_ns() - began)
    return sorted(took)[ROUNDS // 2] / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = make_sysfs(Path(folder), h100_node(8))
        net, host, gpus = NetProbe(root), HostProbe(Path("/sys"), Path("/proc")), PciGpus(root)
        pids = own_pids()
        print(f"8 NDR ports and one interface, a tick   {cpu_ms(lambda: net.sample(1)):6.3f} ms of {NET_BUDGET_MS}")
        print(f"the same, all other counters            {cpu_ms(lambda: net.counters(1)):6.3f} ms every 10 s")
        print(f"the same, rediscovery without change    {cpu_ms(net.rediscover):6.3f} ms every 10 s")
        print(f"the same, health                        {cpu_ms(lambda: net.health(1)):6.3f} ms every 60 s")
        print(f"host, a tick                            {cpu_ms(lambda: host.read(slow=False)):6.3f} ms of"
              f" {HOST_BUDGET_MS}")  # fmt: skip
        print(f"host, with temperatures                 {cpu_ms(lambda: host.read(slow=True)):6.3f} ms every 10 s")
        print(f"own cost                                {cpu_ms(lambda: own_cost(pids)):6.3f} ms a tick")
        print(f"own cost with PSS                       {cpu_ms(lambda: own_cost(pids, slow=True)):6.3f} ms every 10 s")
        print(f"GPUs on the bus                         {cpu_ms(gpus.addresses):6.3f} ms a tick")
        net.close()
        host.close()


if __name__ == "__main__":
    main()
