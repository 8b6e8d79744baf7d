"""Which of our readings dcgm-exporter has too, with the same meaning, and in which unit it gives them.

Source: NVIDIA/dcgm-exporter etc/default-counters.csv and the field descriptions of DCGM 4. Left out where the meaning is
another: used memory (DCGM counts the reserved part apart), NVLink bandwidth totals, violation times.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusterctl.schema import (
    DISK_SAMPLE,
    FILESYSTEM_SAMPLE,
    GPU_HEALTH,
    GPU_LINK_SAMPLE,
    GPU_SAMPLE,
    HOST_SAMPLE,
    NIC_HEALTH,
    NIC_LINK_SAMPLE,
    NIC_SAMPLE,
    Table,
)

SHOWN: tuple[Table, ...] = (
    GPU_SAMPLE,
    GPU_LINK_SAMPLE,
    GPU_HEALTH,
    NIC_SAMPLE,
    NIC_LINK_SAMPLE,
    NIC_HEALTH,
    HOST_SAMPLE,
    DISK_SAMPLE,
    FILESYSTEM_SAMPLE,
)
"""Tables on the page. Single NVLinks are not: they are told on change, and would be thousands of series."""
PERCENT = 100
WATT_PER_MW = 0.001


@dataclass(frozen=True, slots=True)
class Dcgm:
    """A name, and what our value is multiplied with."""

    name: str
    scale: float = 1


_SAMPLE = {
    "sm_clock_mhz": Dcgm("DCGM_FI_DEV_SM_CLOCK"),
    "memory_clock_mhz": Dcgm("DCGM_FI_DEV_MEM_CLOCK"),
    "temp_c": Dcgm("DCGM_FI_DEV_GPU_TEMP"),
    "memory_temp_c": Dcgm("DCGM_FI_DEV_MEMORY_TEMP"),
    "power_mw": Dcgm("DCGM_FI_DEV_POWER_USAGE", WATT_PER_MW),
    "energy_mj": Dcgm("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"),
    "pcie_replays": Dcgm("DCGM_FI_DEV_PCIE_REPLAY_COUNTER"),
    "util_ratio": Dcgm("DCGM_FI_DEV_GPU_UTIL", PERCENT),
    "memory_util_ratio": Dcgm("DCGM_FI_DEV_MEM_COPY_UTIL", PERCENT),
    "ecc_corrected": Dcgm("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL"),
    "ecc_uncorrected": Dcgm("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"),
    "throttle_mask": Dcgm("DCGM_FI_DEV_CLOCK_THROTTLE_REASONS"),
    "graphics_active_ratio": Dcgm("DCGM_FI_PROF_GR_ENGINE_ACTIVE"),
    "sm_active_ratio": Dcgm("DCGM_FI_PROF_SM_ACTIVE"),
    "sm_occupancy_ratio": Dcgm("DCGM_FI_PROF_SM_OCCUPANCY"),
    "tensor_active_ratio": Dcgm("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"),
    "dram_active_ratio": Dcgm("DCGM_FI_PROF_DRAM_ACTIVE"),
    "pcie_tx_bytes_per_s": Dcgm("DCGM_FI_PROF_PCIE_TX_BYTES"),
    "pcie_rx_bytes_per_s": Dcgm("DCGM_FI_PROF_PCIE_RX_BYTES"),
    "nvlink_tx_bytes_per_s": Dcgm("DCGM_FI_PROF_NVLINK_TX_BYTES"),
    "nvlink_rx_bytes_per_s": Dcgm("DCGM_FI_PROF_NVLINK_RX_BYTES"),
}
_HEALTH = {
    "remapped_corrected": Dcgm("DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS"),
    "remapped_uncorrected": Dcgm("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS"),
    "remap_failed": Dcgm("DCGM_FI_DEV_ROW_REMAP_FAILURE"),
}
DCGM: dict[tuple[str, str], Dcgm] = {
    **{(GPU_SAMPLE.name, column): name for column, name in _SAMPLE.items()},
    **{(GPU_HEALTH.name, column): name for column, name in _HEALTH.items()},
}
"""(table, column) to the name that dcgm-exporter has for it."""
