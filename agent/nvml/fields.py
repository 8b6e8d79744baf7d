"""Which NVML field goes into which column, at which tier, under which driver. Data only.

Ids up to 250 are the same in every driver. Above, they moved: 269 is a throttle time in driver 580 and a power-smoothing
number in 575, with return code 0 in both. So they are chosen by the driver's version here, and the wheel's constants, which
know only the wheel, are never used. Source: nvml.h of CUDA 12.8, 12.9, 13.0 and 13.5, and driver releases 570 to 615.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from clusterctl.agent.nvml.values import driver_number

ALL_LINKS = 0xFFFF_FFFF
KIB = 1_024
MAX_LINKS = 36
"""NVML_NVLINK_MAX_LINKS of header 13.5; older drivers refuse the numbers that they do not know."""


class Tier(enum.IntEnum):
    """How often: on every tick, every 10 s, every 60 s."""

    FAST = 0
    MEDIUM = 1
    SLOW = 2


SAMPLE, LINKS, HEALTH, NVLINK = "gpu_sample", "gpu_link_sample", "gpu_health", "nvlink_sample"


@dataclass(frozen=True, slots=True)
class FieldId:
    """A field's number in drivers from `since` up to, not including, `until`."""

    number: int
    since: tuple[int, ...] = ()
    until: tuple[int, ...] = (10_000,)


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One reading: `column` of `table`, multiplied by `scale`; per link when the table has a row a link."""

    table: str
    column: str
    tier: Tier
    ids: tuple[FieldId, ...]
    scope: int = 0
    scale: float = 1

    def number(self, driver_version: str) -> int | None:
        """The id in this driver; None where it has none."""
        driver = driver_number(driver_version)
        return next((i.number for i in self.ids if i.since <= driver < i.until), None)


def _fixed(
    table: str, tier: Tier, numbers: dict[str, int], since: int = 0, scope: int = 0, scale: float = 1
) -> list[FieldSpec]:
    start = (since,) if since else ()
    return [
        FieldSpec(table, column, tier, (FieldId(number, start),), scope, scale) for column, number in numbers.items()
    ]


def _moved(
    table: str, column: str, tier: Tier, in_575: int, from_580: int, in_570: int | None = None, scale: float = 1
) -> FieldSpec:
    ids = [FieldId(in_575, (575,), (576,)), FieldId(from_580, (580,))]
    if in_570 is not None:
        ids.append(FieldId(in_570, (570,), (571,)))
    return FieldSpec(table, column, tier, tuple(ids), scale=scale)


GPU_FIELDS: tuple[FieldSpec, ...] = (
    *_fixed(SAMPLE, Tier.FAST, {
        "power_mw": 186, "power_average_mw": 185, "energy_mj": 83, "memory_temp_c": 82, "remap_pending": 144,
        "remap_failed": 145, "pcie_replays": 94,
    }),
    *_fixed(SAMPLE, Tier.FAST, {"recovery_action": 230}, since=565),
    *_fixed(LINKS, Tier.MEDIUM, {"pcie_replay_rollovers": 95, "pcie_l0_to_recovery": 169}),
    *_fixed(LINKS, Tier.MEDIUM, {
        "pcie_correctable_errors": 173, "pcie_naks_received": 174, "pcie_receiver_errors": 175, "pcie_bad_tlps": 176,
        "pcie_naks_sent": 177, "pcie_bad_dllps": 178, "pcie_nonfatal_errors": 179, "pcie_fatal_errors": 180,
        "pcie_unsupported_requests": 181, "pcie_lcrc_errors": 182, "pcie_lane_errors": 183,
        "pcie_tx_bytes": 197, "pcie_rx_bytes": 198,
    }, since=535),
    *_fixed(LINKS, Tier.MEDIUM, {"sw_power_cap_ns": 74, "thermal_violation_ns": 75, "sync_boost_ns": 76}),
    _moved(LINKS, "sw_thermal_ns", Tier.MEDIUM, in_575=251, from_580=269),
    _moved(LINKS, "hw_thermal_ns", Tier.MEDIUM, in_575=252, from_580=270),
    _moved(LINKS, "hw_power_brake_ns", Tier.MEDIUM, in_575=253, from_580=271),
    *_fixed(LINKS, Tier.MEDIUM, {
        "nvlink_tx_bytes": 138, "nvlink_rx_bytes": 139, "nvlink_raw_tx_bytes": 140, "nvlink_raw_rx_bytes": 141,
    }, scope=ALL_LINKS, scale=KIB),
    *_fixed(LINKS, Tier.MEDIUM, {
        "c2c_error_interrupts": 231, "c2c_replays": 232, "c2c_replays_b2b": 233,
    }, since=575),
    *_fixed(HEALTH, Tier.SLOW, {
        "power_limit_min_mw": 187, "power_limit_max_mw": 188, "power_limit_default_mw": 189, "power_limit_mw": 190,
        "margin_shutdown_c": 193, "margin_slowdown_c": 194,
    }),
    _moved(HEALTH, "power_smoothing_life_ratio", Tier.SLOW, in_570=258, in_575=263, from_580=258, scale=0.01),
)  # fmt: skip
"""One row's worth of fields a GPU. Where NVLink bytes have no field of the GPU (NVLink 5), the links' own are summed."""

LINK_STATE = FieldSpec(NVLINK, "link_state", Tier.MEDIUM, (FieldId(165),))
LINK_FIELDS: tuple[FieldSpec, ...] = (
    *_fixed(NVLINK, Tier.MEDIUM, {"replays": 161, "recoveries": 162, "crc_errors": 163}),
    *_fixed(NVLINK, Tier.MEDIUM, {
        "malformed_packets": 206, "buffer_overruns": 207, "rcv_errors": 208, "rcv_remote_errors": 209,
        "rcv_general_errors": 210, "local_integrity_errors": 211, "xmit_discards": 212, "recoveries_ok": 213,
        "recoveries_failed": 214, "recovery_events": 215, "effective_errors": 219, "symbol_errors": 221,
        "tx_bytes": 202, "rx_bytes": 204,
    }, since=565),
    *_fixed(NVLINK, Tier.SLOW, {"remote_link": 146, "effective_ber": 220, "symbol_ber": 222}),
    *_fixed(NVLINK, Tier.SLOW, {f"fec_{n}": 235 + n for n in range(16)}, since=570),
)  # fmt: skip
"""Fields of one link. 161 to 163 answer up to NVLink 4, 202 to 222 from NVLink 5 on; what does not answer is dropped."""
BER_COLUMNS = frozenset({"effective_ber", "symbol_ber"})
