"""An mlx5 driver's side of ethtool, as a plain class: names as that driver has them, values that a test sets."""

from __future__ import annotations

import struct


class FakeEthtool:
    """`values` by name; names keep their order. `silent` interfaces do not answer."""

    def __init__(self, values: dict[str, int] | None = None, eeprom: bytes | None = None) -> None:
        self.values = mlx5_statistics() if values is None else values
        self.eeprom = eeprom
        self.silent: set[str] = set()
        self.asked: list[tuple[str, str]] = []

    def names(self, interface: str) -> tuple[str, ...] | None:
        self.asked.append(("names", interface))
        return None if interface in self.silent else tuple(self.values)

    def stats(self, interface: str) -> tuple[int, ...] | None:
        self.asked.append(("stats", interface))
        return None if interface in self.silent else tuple(self.values.values())

    def driver(self, interface: str) -> str:
        return "" if interface in self.silent else "mlx5_core"

    def module_eeprom(self, interface: str) -> bytes | None:
        self.asked.append(("eeprom", interface))
        return None if interface in self.silent else self.eeprom


def mlx5_statistics(channels: int = 16) -> dict[str, int]:
    """The names of a ConnectX with that many channels, all zero but those that tests ask for."""
    names = [
        "rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "rx_csum_complete", "rx_out_of_buffer", "rx_if_down_packets",
        "rx_vport_unicast_packets", "dev_internal_queue_oob", "tx_packets_phy", "rx_packets_phy", "rx_crc_errors_phy",
        "rx_in_range_len_errors_phy", "rx_symbol_err_phy", "rx_discards_phy", "tx_discards_phy", "tx_errors_phy",
        "rx_pause_ctrl_phy", "tx_pause_ctrl_phy", "link_down_events_phy", "rx_pcs_symbol_err_phy",
        "rx_corrected_bits_phy", "rx_err_lane_0_phy", "rx_err_lane_1_phy", "rx_err_lane_2_phy", "rx_err_lane_3_phy",
        "outbound_pci_stalled_rd", "outbound_pci_stalled_wr", "tx_pause_storm_warning_events",
        "tx_pause_storm_error_events", "module_unplug", "module_bus_stuck", "module_high_temp", "module_bad_shorted",
        "rx_ecn_mark",
    ]  # fmt: skip
    for priority in range(8):
        names += [
            f"rx_prio{priority}_bytes", f"rx_prio{priority}_discards", f"rx_prio{priority}_pause",
            f"rx_prio{priority}_pause_duration", f"rx_prio{priority}_pause_transition", f"tx_prio{priority}_pause",
            f"tx_prio{priority}_pause_duration", f"rx_prio{priority}_buf_discard", f"rx_prio{priority}_cong_discard",
        ]  # fmt: skip
    for channel in range(channels):
        names += [f"ch{channel}_events", f"rx{channel}_packets", f"rx{channel}_wqe_err", f"rx{channel}_cache_full",
                  f"tx{channel}_dropped", f"tx{channel}_cqe_err", f"tx{channel}_timeout"]  # fmt: skip
    return dict.fromkeys(names, 0)


def qsfp28(
    *,
    temp_c: float = 38.5,
    voltage_mv: int = 3_300,
    rx_uw: tuple[float, ...] = (812.3, 790.0, 655.4, 801.1),
    tx_uw: tuple[float, ...] = (1_000.0, 1_010.0, 990.0, 1_005.5),
    bias_ua: tuple[int, ...] = (7_200, 7_100, 7_350, 7_000),
) -> bytes:
    """Memory of an SFF-8636 module, 256 bytes, big endian as the standard has it."""
    memory = bytearray(256)
    memory[0], memory[220] = 0x11, 0x0C
    struct.pack_into(">hxxH", memory, 22, round(temp_c * 256), voltage_mv * 10)
    struct.pack_into(">4H", memory, 34, *(round(value * 10) for value in rx_uw))
    struct.pack_into(">4H", memory, 42, *(value // 2 for value in bias_ua))
    struct.pack_into(">4H", memory, 50, *(round(value * 10) for value in tx_uw))
    return bytes(memory)


def sfp_plus(*, diagnostics: int = 0x60) -> bytes:
    """Memory of an SFF-8472 module: 31.25 °C, 3.28 V, 6 mA, 500.0 µW sent, 420.0 µW received."""
    memory = bytearray(512)
    memory[0], memory[92] = 0x03, diagnostics
    struct.pack_into(">hHHHH", memory, 256 + 96, 8_000, 32_800, 3_000, 5_000, 4_200)
    return bytes(memory)
