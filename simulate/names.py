"""What devices are called: the text columns of packs, whose dictionaries are made once for each host."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from clusterctl.simulate.plan import IDLE, Hosts, Plan
from clusterctl.simulate.tables import DISK, GPU, HOST, LINK, MOUNT, PORT, Told
from clusterctl.simulate.tables_slow import LINKS_PER_GPU

DISKS = 4
MOUNTS = (("/", "/dev/md0", "ext4"), ("/scratch", "fs01:/scratch", "nfs4"))
LIVE = "vendor"
"""The one text that is another one each time."""
_LIVE_COUNTERS = ("rx_prio0_buf_discard", "tx_vport_multicast_bytes", "rx_steer_missed_packets", "rx_pcs_lane0_errors")


def device_count(plan: Plan, device: str) -> int:
    """How many of a kind a node has."""
    gpus = plan.gpus_per_node
    counts = {
        GPU: gpus,
        PORT: plan.ports_per_node,
        HOST: 1,
        DISK: DISKS,
        MOUNT: len(MOUNTS),
        LINK: gpus * LINKS_PER_GPU,
    }
    return counts[device]


class Names:
    """Texts of one group of hosts, by what `Told.texts` says of a column."""

    def __init__(self, plan: Plan, hosts: Hosts) -> None:
        ports = sorted(f"mlx5_{number}/1" for number in range(plan.ports_per_node))
        self._gpus = [
            sorted(f"GPU-{uuid.uuid5(uuid.NAMESPACE_OID, f'{name}/{gpu}')}" for gpu in range(plan.gpus_per_node))
            for name in hosts.names
        ]
        self._jobs = [f"{41_000 + job}" for job in hosts.jobs.tolist()]
        self._same: dict[str, list[str | None]] = {
            "gpu_pci": [_pci(gpu, 0x19) for gpu in range(plan.gpus_per_node)],
            "job_scheduler": ["slurm"],
            "port": list(ports),
            "link_layer": ["infiniband"],
            "port_pci": [_pci(port, 0x18) for port in range(plan.ports_per_node)],
            "hottest": ["coretemp Package id 0"],
            "disk": [f"nvme{disk}n1" for disk in range(DISKS)],
            "mount": [mount for mount, _, _ in MOUNTS],
            "mounted": [device for _, device, _ in MOUNTS],
            "fstype": [kind for _, _, kind in MOUNTS],
        }

    def of(self, what: str, place: int) -> list[str | None]:
        """The dictionary of the host at `place`."""
        if what in ("gpu_uuid", "gpu_of_link"):
            return list(self._gpus[place])
        if what == "job_id":
            return [self._jobs[place]]
        return self._same[what]


def _pci(device: int, first_bus: int) -> str:
    """Eight devices of a kind in a PCI domain."""
    return f"{device // 8:04x}:{first_bus + 0x10 * (device % 8):02x}:00.0"


def live(numbers: Sequence[int], ports: int, ts_ms: int) -> list[list[str | None]]:
    """Counters under the vendor's own names, a JSON object a port, for each of the hosts."""
    minute = ts_ms // 60_000
    return [
        [
            "{"
            + ",".join(
                f'"{name}":{minute * (index + 1) + number * 8 + port}' for index, name in enumerate(_LIVE_COUNTERS)
            )
            + "}"
            for port in range(ports)
        ]
        for number in numbers
    ]


def text_columns(told: Told, doing: str) -> dict[str, str]:
    """The text columns that hosts of this kind have: an idle one has no job."""
    return {name: what for name, what in told.texts.items() if doing != IDLE or not what.startswith("job")}


def positions(what: str, devices: Sequence[int]) -> list[int]:
    """Where in its dictionary each device's text stands."""
    if what in ("job_id", "job_scheduler", "link_layer", "hottest"):
        return [0] * len(devices)
    if what == "gpu_of_link":
        return [device // LINKS_PER_GPU for device in devices]
    return list(range(len(devices)))
