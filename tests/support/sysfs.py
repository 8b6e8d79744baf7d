"""Writes sysfs trees of plain files: what a GPU node's ports, sensors and PCI devices look like to the agent."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PMA_64 = {
    "port_rcv_data": 1_000, "port_xmit_data": 250, "port_rcv_packets": 40, "port_xmit_packets": 10,
    "unicast_rcv_packets": 38, "unicast_xmit_packets": 10, "multicast_rcv_packets": 2, "multicast_xmit_packets": 1,
    "port_xmit_wait": 77,
}  # fmt: skip
PMA_ERRORS = (
    "symbol_error", "link_error_recovery", "link_downed", "port_rcv_errors", "port_rcv_remote_physical_errors",
    "port_rcv_switch_relay_errors", "port_xmit_discards", "port_xmit_constraint_errors", "port_rcv_constraint_errors",
    "local_link_integrity_errors", "excessive_buffer_overrun_errors", "VL15_dropped",
)  # fmt: skip
HW_COUNTERS = {
    "mlx5": (
        "out_of_sequence", "packet_seq_err", "local_ack_timeout_err", "rnr_nak_retry_err", "implied_nak_seq_err",
        "duplicate_request", "out_of_buffer", "req_cqe_error", "resp_cqe_error", "req_cqe_flush_error",
        "resp_cqe_flush_error", "req_remote_access_errors", "req_remote_invalid_request", "resp_local_length_error",
        "resp_remote_access_errors", "roce_adp_retrans", "roce_adp_retrans_to", "roce_slow_restart",
        "roce_slow_restart_cnps", "roce_slow_restart_trans", "rx_icrc_encapsulated", "rx_atomic_requests",
        "rx_dct_connect", "rx_read_requests", "rx_write_requests", "np_cnp_sent", "np_ecn_marked_roce_packets",
        "rp_cnp_handled", "rp_cnp_ignored",
    ),
    "bnxt_re": (
        "active_qps", "rx_pkts", "rx_bytes", "tx_pkts", "tx_bytes", "rx_roce_errors", "rx_roce_discards",
        "tx_roce_errors", "tx_roce_discards", "to_retransmits", "seq_err_naks_rcvd", "max_retry_exceeded",
        "rnr_naks_rcvd", "missin_resp", "unrecoverable_err", "remote_access_err", "dup_req", "oos_drop_count",
        "res_oob_drop_count", "tx_cnp_pkts", "rx_cnp_pkts", "rx_ecn_marked_pkts",
    ),
    "efa": (
        "tx_bytes", "tx_pkts", "rx_bytes", "rx_pkts", "rx_drops", "send_bytes", "send_wrs", "recv_bytes", "recv_wrs",
        "rdma_read_wrs", "rdma_read_bytes", "rdma_read_wr_err", "rdma_read_resp_bytes", "rdma_write_wrs",
        "rdma_write_bytes", "rdma_write_wr_err", "rdma_write_recv_bytes", "retrans_bytes", "retrans_pkts",
        "retrans_timeout_events", "unresponsive_remote_events", "impaired_remote_conn_events",
    ),
    "irdma": (
        "ip4InOctets", "ip6InOctets", "ip4OutOctets", "ip6OutOctets", "ip4InPkts", "ip6InPkts", "ip4OutPkts",
        "ip6OutPkts", "ip4InDiscards", "ip6InDiscards", "cnpSent", "cnpHandled", "cnpIgnored", "RxECNMrkd",
        "tcpRetransSegs", "rxVlanErrors",
    ),
}  # fmt: skip
"""Files of `hw_counters/` by driver; a tree numbers them 1, 2, 3 … in this order."""


@dataclass(frozen=True)
class RdmaSpec:
    """One RDMA port: its driver, its layer, and what differs from a healthy one."""

    device: str = "mlx5_0"
    driver: str = "mlx5"
    link_layer: str = "InfiniBand"
    pci: str = "0000:18:00.0"
    port: str = "1"
    rate: str = "400 Gb/sec (4X NDR)"
    interface: str = ""
    counters: Mapping[str, str] = field(default_factory=dict)
    has_pma: bool = True


@dataclass(frozen=True)
class EthernetSpec:
    """One network interface."""

    name: str = "eth0"
    pci: str = "0000:3b:00.0"
    speed: str = "25000"
    mtu: str = "9000"
    type: str = "1"


@dataclass(frozen=True)
class GpuSpec:
    """One PCI device of NVIDIA's."""

    pci: str
    link: tuple[str, int] = ("32.0 GT/s PCIe", 16)
    link_max: tuple[str, int] = ("32.0 GT/s PCIe", 16)


@dataclass(frozen=True)
class SysfsSpec:
    """A node."""

    rdma: tuple[RdmaSpec, ...] = ()
    ethernet: tuple[EthernetSpec, ...] = ()
    gpus: tuple[GpuSpec, ...] = ()
    nic_heat: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """ASIC and module in degrees, by PCI address."""
    sensors: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Degrees by chip and label."""


def h100_node(ports: int = 8) -> SysfsSpec:
    """Eight GPUs, up to nine NDR ports, one Ethernet interface for management."""
    addresses = [f"0000:{0x18 + 0x11 * number:02x}:00.0" for number in range(ports)]
    return SysfsSpec(
        rdma=tuple(RdmaSpec(device=f"mlx5_{number}", pci=pci) for number, pci in enumerate(addresses)),
        ethernet=(EthernetSpec(),),
        gpus=tuple(GpuSpec(f"0000:{0x1B + 0x11 * number:02x}:00.0") for number in range(8)),
        nic_heat=dict.fromkeys(addresses, (64, 52)),
        sensors={"coretemp": {"Package id 0": 71, "Core 0": 69}},
    )


def make_sysfs(root: Path, spec: SysfsSpec) -> Path:
    """Write the tree below `root`, which is what `--sysfs-root` then names."""
    for rdma in spec.rdma:
        _rdma(root, rdma)
    for ethernet in spec.ethernet:
        _ethernet(root, ethernet)
    for gpu in spec.gpus:
        _gpu(root, gpu)
    for number, (pci, (asic, module)) in enumerate(spec.nic_heat.items()):
        chip = root / f"class/hwmon/hwmon{number}"
        write(chip, {"name": "mlx5", "temp1_input": f"{asic * 1000}", "temp1_label": "asic",
                     "temp2_input": f"{module * 1000}", "temp2_label": "Module0"})  # fmt: skip
        _link(chip / "device", _device(root, pci))
    for number, (name, sensors) in enumerate(spec.sensors.items()):
        chip = root / f"class/hwmon/hwmon{100 + number}"
        write(chip, {"name": name})
        for index, (label, degrees) in enumerate(sensors.items(), 1):
            write(chip, {f"temp{index}_input": f"{degrees * 1000}", f"temp{index}_label": label})
    return root


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files in place, as the kernel changes a counter: the file stays the same one."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def port_dir(root: Path, device: str = "mlx5_0", port: str = "1") -> Path:
    """Where an RDMA port's files are."""
    return root / "class" / "infiniband" / device / "ports" / port


def saturate(root: Path, device: str = "mlx5_0") -> None:
    """Every error counter at the top of its width."""
    tops = {"link_error_recovery": 255, "link_downed": 255, "port_xmit_constraint_errors": 255,
            "port_rcv_constraint_errors": 255, "local_link_integrity_errors": 15,
            "excessive_buffer_overrun_errors": 15}  # fmt: skip
    write(port_dir(root, device) / "counters", {name: str(tops.get(name, 65_535)) for name in PMA_ERRORS})


def without_pma(root: Path, device: str = "mlx5_0") -> None:
    """What the kernel writes where the firmware has no performance management."""
    write(port_dir(root, device) / "counters", dict.fromkeys((*PMA_64, *PMA_ERRORS), "N/A (no PMA)"))


def link_down(root: Path, device: str = "mlx5_0") -> None:
    """The link is polling for its peer."""
    write(port_dir(root, device), {"state": "1: DOWN", "phys_state": "2: Polling", "rate": "10 Gb/sec (4X SDR)"})


def reset(root: Path, device: str = "mlx5_0") -> None:
    """All counters at zero, as `perfquery -R` leaves them."""
    for folder in ("counters", "hw_counters"):
        path = port_dir(root, device) / folder
        write(path, {file.name: "0" for file in path.iterdir() if file.name != "lifespan"})


def vanish(root: Path, device: str = "mlx5_0") -> None:
    """The device falls off the bus."""
    shutil.rmtree(root / "class" / "infiniband" / device)


def _rdma(root: Path, spec: RdmaSpec) -> None:
    port = port_dir(root, spec.device, spec.port)
    write(port, {"state": "4: ACTIVE", "phys_state": "5: LinkUp", "rate": spec.rate, "link_layer": spec.link_layer,
                 "lid": "0x1a", "sm_lid": "0x1", "cap_mask": "0xa751e848"})  # fmt: skip
    write(port.parent.parent, {"fw_ver": "28.41.1000", "hca_type": "MT4129", "board_id": "MT_0000000838"})
    if spec.has_pma:
        write(port / "counters", {name: str(value) for name, value in PMA_64.items()} | dict.fromkeys(PMA_ERRORS, "0"))
    names = HW_COUNTERS[spec.driver]
    write(port / "hw_counters", {name: str(number) for number, name in enumerate(names, 1)} | {"lifespan": "12"})
    for name, text in spec.counters.items():
        folder = "counters" if name in PMA_64 or name in PMA_ERRORS else "hw_counters"
        write(port / folder, {name: text})
    device = _device(root, spec.pci)
    if spec.interface:
        write(device / "net" / spec.interface, {"dev_port": str(int(spec.port) - 1)})
    _link(port.parent.parent / "device", device)


def _ethernet(root: Path, spec: EthernetSpec) -> None:
    folder = root / "class" / "net" / spec.name
    write(folder, {"carrier": "1", "operstate": "up", "speed": spec.speed, "carrier_changes": "3", "mtu": spec.mtu,
                   "type": spec.type})  # fmt: skip
    write(folder / "statistics", {"rx_bytes": "5000", "tx_bytes": "6000", "rx_packets": "50", "tx_packets": "60",
                                  "rx_errors": "1", "tx_errors": "2", "rx_dropped": "3", "tx_dropped": "4",
                                  "rx_crc_errors": "0"})  # fmt: skip
    _link(folder / "device", _device(root, spec.pci))


def _gpu(root: Path, spec: GpuSpec) -> None:
    write(root / "bus/pci/devices" / spec.pci, {
        "vendor": "0x10de", "class": "0x030200", "current_link_speed": spec.link[0],
        "current_link_width": str(spec.link[1]), "max_link_speed": spec.link_max[0],
        "max_link_width": str(spec.link_max[1]),
    })  # fmt: skip


def _device(root: Path, pci: str) -> Path:
    folder = root / "devices" / "pci0000:00" / pci
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _link(path: Path, target: Path) -> None:
    if not path.is_symlink():
        path.symlink_to(target)
