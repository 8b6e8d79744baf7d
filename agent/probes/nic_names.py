"""Vendors' names of NIC counters, as data: which file or ethtool statistic gives which of our columns.

An entry is a column with its alternatives in order of preference; an alternative is one or more names, and several
are added up, but only while all of them can be read. What a vendor does not count stays missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Alternatives = tuple[tuple[str, ...], ...]


def _one(*names: str) -> Alternatives:
    return tuple((name,) for name in names)


WORDS = ("rx_bytes", "tx_bytes")
"""Columns whose file in `counters/` counts 32-bit words."""

PMA: dict[str, Alternatives] = {
    "rx_bytes": _one("port_rcv_data"),
    "tx_bytes": _one("port_xmit_data"),
    "rx_packets": _one("port_rcv_packets"),
    "tx_packets": _one("port_xmit_packets"),
    "symbol_error": _one("symbol_error"),
    "link_error_recovery": _one("link_error_recovery"),
    "link_downed": _one("link_downed"),
    "port_rcv_errors": _one("port_rcv_errors"),
    "port_xmit_discards": _one("port_xmit_discards"),
    "port_xmit_wait": _one("port_xmit_wait"),
    "local_link_integrity_errors": _one("local_link_integrity_errors"),
    "excessive_buffer_overrun_errors": _one("excessive_buffer_overrun_errors"),
    "port_rcv_remote_physical_errors": _one("port_rcv_remote_physical_errors"),
    "port_rcv_switch_relay_errors": _one("port_rcv_switch_relay_errors"),
    "port_xmit_constraint_errors": _one("port_xmit_constraint_errors"),
    "port_rcv_constraint_errors": _one("port_rcv_constraint_errors"),
    "vl15_dropped": _one("VL15_dropped"),
    "multicast_rx_packets": _one("multicast_rcv_packets"),
    "multicast_tx_packets": _one("multicast_xmit_packets"),
}
"""Files of `counters/`: the port management agent's, the same for all vendors that have one."""

HARDWARE: dict[str, Alternatives] = {
    "rx_bytes": (("rx_bytes",), ("ip4InOctets", "ip6InOctets")),
    "tx_bytes": (("tx_bytes",), ("ip4OutOctets", "ip6OutOctets")),
    "rx_packets": (("rx_pkts",), ("ip4InPkts", "ip6InPkts")),
    "tx_packets": (("tx_pkts",), ("ip4OutPkts", "ip6OutPkts")),
    "rx_errors": _one("rx_roce_errors"),
    "tx_errors": _one("tx_roce_errors"),
    "rx_dropped": (("rx_drops",), ("rx_roce_discards",), ("ip4InDiscards", "ip6InDiscards")),
    "tx_dropped": _one("tx_roce_discards"),
    "cnp_sent": _one("np_cnp_sent", "tx_cnp_pkts", "cnpSent"),
    "cnp_handled": _one("rp_cnp_handled", "rx_cnp_pkts", "cnpHandled"),
    "cnp_ignored": _one("rp_cnp_ignored", "cnpIgnored"),
    "ecn_marked": _one("np_ecn_marked_roce_packets", "rx_ecn_marked_pkts", "RxECNMrkd"),
    "out_of_sequence": _one("out_of_sequence", "oos_drop_count", "rx_out_of_sequence"),
    "packet_seq_err": _one("packet_seq_err", "seq_err_naks_rcvd"),
    "ack_timeout": _one("local_ack_timeout_err"),
    "rnr_nak": _one("rnr_nak_retry_err", "rnr_naks_rcvd"),
    "implied_nak": _one("implied_nak_seq_err", "missing_resp", "missin_resp"),
    "duplicate_request": _one("duplicate_request", "dup_req"),
    "retransmits": _one("roce_adp_retrans", "retrans_pkts", "tcpRetransSegs", "RetransSegs"),
    "retransmit_timeouts": _one("roce_adp_retrans_to", "to_retransmits", "retrans_timeout_events"),
    "slow_restart": _one("roce_slow_restart"),
    "out_of_buffer": _one("out_of_buffer", "rx_out_of_buffer", "res_oob_drop_count"),
    "icrc_errors": _one("rx_icrc_encapsulated"),
    "cqe_errors": (("req_cqe_error", "resp_cqe_error"),),
    "remote_access_errors": _one("req_remote_access_errors", "remote_access_err"),
    "unrecoverable_errors": _one("unrecoverable_err"),
}
"""Files of `hw_counters/`: mlx5 first, then bnxt_re, EFA and irdma."""

NOT_COUNTERS = frozenset({"lifespan"})
"""Files of `hw_counters/` that count nothing: `lifespan` is how long the driver keeps what it read, in ms."""

ETHERNET: dict[str, str] = {
    name: name
    for name in (
        "rx_bytes",
        "tx_bytes",
        "rx_packets",
        "tx_packets",
        "rx_errors",
        "tx_errors",
        "rx_dropped",
        "tx_dropped",
        "rx_crc_errors",
    )
}
"""Files of an interface's `statistics/`."""

TRAFFIC = frozenset({"multicast", "rx_compressed", "tx_compressed", "rx_nohandler"})
"""Files of `statistics/` that tell of no trouble."""

PFC = {
    "pfc_rx_pause": re.compile(r"rx_prio\d_pause|rx_pfc_ena_frames_pri\d|rx_priority_\d_xoff\.nic"),
    "pfc_tx_pause": re.compile(r"tx_prio\d_pause|tx_pfc_ena_frames_pri\d|tx_priority_\d_xoff\.nic"),
    "pfc_rx_pause_us": re.compile(r"rx_prio\d_pause_duration"),
    "pfc_tx_pause_us": re.compile(r"tx_prio\d_pause_duration"),
}
"""ethtool statistics of priority flow control, to be added up over priorities: mlx5, bnxt_en, ice."""

HEALTH: dict[str, Alternatives] = {
    "phy_rx_discards": _one("rx_discards_phy", "rx_discard_pkts"),
    "phy_tx_discards": _one("tx_discards_phy"),
    "phy_crc_errors": _one("rx_crc_errors_phy", "rx_fcs_err_frames", "rx_crc_errors.nic"),
    "phy_symbol_errors": _one("rx_symbol_err_phy", "rx_pcs_symbol_err_phy"),
    "phy_corrected_bits": _one("rx_corrected_bits_phy"),
    "phy_link_downs": _one("link_down_events_phy", "link_down_events"),
    "pause_storm_warnings": _one("tx_pause_storm_warning_events"),
    "pause_storm_errors": _one("tx_pause_storm_error_events"),
    "pci_stalled_reads": _one("outbound_pci_stalled_rd"),
    "pci_stalled_writes": _one("outbound_pci_stalled_wr"),
    "module_unplugs": _one("module_unplug"),
    "module_overheats": _one("module_high_temp"),
}
"""ethtool statistics behind the columns of `nic_health`."""

_TELLING = re.compile(
    r"err|drop|discard|pause|phy|lane|ecn|cnp|crc|symbol|module|stall|oob|storm|timeout|link_down|out_of|unresponsive"
    r"|impaired|restart|retrans|nak|exceed|missing|fault|fec|health|roce|res_|dup|icrc",
    re.IGNORECASE,
)
_PER_QUEUE = re.compile(r"^(?:[rt]x|[rt]xq|ch|q|xdp|xsk|ptp)_?\d|(?:queue|ring|txq|rxq|channel)[-_]?\d|\[\d+\]")


def telling(name: str) -> bool:
    """Worth keeping under its own name: it tells of errors, loss, pauses, congestion or the link, for the whole port.

    Counters of single queues or rings are left out: hundreds a port, and the port's own sums say as much."""
    return bool(_TELLING.search(name)) and not _PER_QUEUE.search(name)


def chosen(table: dict[str, Alternatives], present: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """For each column the first alternative of which every name is present."""
    there = set(present)
    return {
        column: names
        for column, alternatives in table.items()
        if (names := next((each for each in alternatives if there.issuperset(each)), None)) is not None
    }
