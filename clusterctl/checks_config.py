"""The limits that the agent's checks judge by. Where they come from: docs/checks.md."""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.knob import knob


@dataclass(frozen=True)
class ChecksConfig:
    """What the node agent calls healthy."""

    disabled: str = knob("", "Checks that are not run: names from docs/checks.md, comma-separated.")
    stale_s: float = knob(180.0, "A subject without a new row for this long is unknown.", least=10)
    window_s: float = knob(300.0, "Growth, means and spreads are taken over this long.", least=30, most=300)
    restate_h: float = knob(1.0, "A check that still fails is told again this often, hours.", least=0.1)
    margin_warn_c: float = knob(
        5.0, "Degrees left to the maximum operating temperature: warn at or below.", least=-50, most=100
    )
    margin_fail_c: float = knob(
        0.0, "Degrees left to the maximum operating temperature: fail at or below.", least=-50, most=100
    )
    memory_warn_c: float = knob(95.0, "Memory temperature: warn at or above.", least=1)
    slowdown_grace_s: float = knob(30.0, "Hardware slowdown that lasts longer fails.", least=0)
    loaded_ratio: float = knob(0.5, "A GPU that is busy for at least this share is under load.", least=0.01, most=1)
    clock_below_ratio: float = knob(
        0.1, "SM clock below the median of the node's other GPUs by more than this share: warn.", least=0, most=1
    )
    alike_ratio: float = knob(
        0.15, "GPUs whose load and power differ by no more than this share are compared.", least=0, most=1
    )
    memory_clock_below_ratio: float = knob(
        0.05, "Memory clock below its greatest by more than this share under load: warn.", least=0, most=1
    )
    power_limit_slack_ratio: float = knob(
        0.01, "Power limit below the default by more than this share: warn.", least=0, most=1
    )
    nvml_slow_ms: float = knob(250.0, "Time of all NVML calls for one GPU, median: warn above.", least=1)
    remapped_rows: int = knob(512, "Rows remapped for uncorrected errors: fail at or above.", least=1)
    retired_pages_warn_count: int = knob(15, "Pages retired for double-bit errors (before Ampere): warn.", least=1)
    retired_pages_fail_count: int = knob(63, "Pages retired (before Ampere): fail.", least=1)
    nvlink_crc_per_s: float = knob(100.0, "NVLink CRC errors of one GPU: fail above.", least=0)
    nvlink_replays_per_min: float = knob(10.0, "NVLink replays of one GPU: warn above.", least=0)
    nvlink_ber: float = knob(1e-12, "NVLink bit error rate: fail above.", least=0)
    pcie_replay_factor: float = knob(1.0, "Multiplies the table of allowed PCIe replays a minute.", least=0)
    nic_settling_s: float = knob(300.0, "Network counters are not judged for this long after boot.", least=0)
    nic_symbol_per_h: float = knob(120.0, "InfiniBand symbol errors: fail above (about 1e-12).", least=0)
    nic_recovery_per_min: float = knob(5.0, "Successful retrains of a link: warn above.", least=0)
    nic_rcv_errors_per_s: float = knob(10.0, "InfiniBand receive errors: warn above.", least=0)
    nic_crc_errors_per_s: float = knob(1.0, "Frames or RoCE packets with a bad checksum: warn above.", least=0)
    nic_discards_per_s: float = knob(100.0, "InfiniBand discards on transmit: warn above.", least=0)
    nic_ack_timeout_per_s: float = knob(1.0, "RDMA acknowledgement time-outs: warn above.", least=0)
    nic_slow_restart_per_s: float = knob(10.0, "RoCE slow restarts: warn above.", least=0)
    nic_drop_s: float = knob(240.0, "A link that was up and is down for this long fails.", least=0)
    nic_flap_count: int = knob(3, "This many losses of a link within nic_flap_window_h fail.", least=1)
    nic_flap_window_h: float = knob(6.0, "Losses of a link are counted over this long.", least=0.1, most=6)
    optics_warn_c: float = knob(75.0, "Temperature of an optical module: warn at or above.", least=1)
    optics_rx_min_uw: float = knob(50.0, "Light received on the weakest lane: warn below, microwatts.", least=0)
    read_only_mounts: str = knob("", "Mounts that are meant to be read-only, comma-separated.")
    filesystem_slow_ms: float = knob(1000.0, "Time of one statvfs: warn above.", least=1)
    filesystem_warn_ratio: float = knob(0.95, "Share of a file system or its inodes in use: warn.", least=0, most=1)
    filesystem_fail_ratio: float = knob(0.99, "Share of a file system or its inodes in use: fail.", least=0, most=1)
    clock_warn_ms: float = knob(100.0, "Offset of the node's clock: warn above.", least=0)
    clock_fail_ms: float = knob(1000.0, "Offset of the node's clock: fail above.", least=0)
    pressure_memory_ratio: float = knob(0.1, "Share of time that all tasks waited for memory: warn above.", least=0)
    pressure_io_ratio: float = knob(0.5, "Share of time that all tasks waited for I/O: warn above.", least=0)
