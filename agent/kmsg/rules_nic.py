"""Network and InfiniBand adapters: links, bonds, firmware commands, queues, modules."""

from __future__ import annotations

from clusterctl.agent.kmsg.rule import PCI_GROUP, Rule, rule, worded

_PORT = r"(?P<port>[\w.@-]{1,32})"
_DRIVER = rf"(?:{PCI_GROUP}[: ]+(?:(?P<port>[\w.@-]{{1,32}})(?: \([\w ,]{{1,40}}\))?: )?)"
_MLX5 = rf"(?:mlx5_core {PCI_GROUP}[: ].{{0,160}}?)?"
"""The device, where the line names it: old kernels and shortened logs leave it out."""
_BNXT = rf"(?:{PCI_GROUP}[: ].{{0,60}}?|infiniband (?P<port>\w{{1,32}}): )?"
_UP_DOWN = {"up": ("link_up", "info"), "down": ("link_down", "warn")}

RULES: tuple[Rule, ...] = (
    worded(
        "ib_link",
        " Link ",
        rf"{PCI_GROUP}:? (?:(?P<device>[\w.-]{{1,32}}):? )?.{{0,40}}?"
        r"Port: (?P<port>\d{1,3}) Link (?P<word>DOWN|ACTIVE|INIT)\b",
        {"down": ("link_down", "fail"), "active": ("link_active", "info"), "init": ("link_init", "info")},
    ),
    worded("bond", "link status definitely", rf"(?P<bond>[\w.-]{{1,32}}): (?:\(slave {_PORT}\): )?link status definitely "
           r"(?P<word>up|down)(?: for interface (?P<interface>[\w.@-]{1,32}))?",
           {"up": ("slave_up", "info"), "down": ("slave_down", "warn")}),
    rule("bond", "iface_down", "warn", "link status down for",
         rf"(?P<bond>[\w.-]{{1,32}}): (?:\(slave {_PORT}\): )?link status down for (?:active )?interface"),
    rule("bond", "iface_down", "warn", "without any active interface",
         r"(?P<bond>[\w.-]{1,32}): now running without any active interface"),
    worded(
        "eth_link",
        "ink ",
        rf"(?:{PCI_GROUP}:? |e1000e: ){_PORT}:? (?:\w{{1,32}}: )?(?:{_PORT.replace('port', 'netdev')} )?"
        r"(?:NIC )?[Ll]ink (?:is )?(?P<word>[Uu]p|[Dd]own)\b",
        _UP_DOWN,
    ),
    rule("nic_health", "health_compromised", "fail", "health compromised", rf"{_MLX5}device's health compromised"),
    rule("nic_cmd", "cmd_timeout", "warn", "leak of a command resource",
         rf"{_MLX5}(?P<command>\w{{1,64}})\((?P<opcode>0x[0-9a-fA-F]{{1,8}})\).{{0,80}}"
         r"timeout\. Will cause a leak of a command resource"),
    rule("nic_cmd", "access_reg_failed", "warn", "ACCESS_REG", rf"{_MLX5}\bACCESS_REG\b.{{0,120}} failed"),
    rule("nic_cmd", "hwrm_error", "warn", "hwrm req_type",
         rf"{_DRIVER}.{{0,40}}?hwrm req_type (?P<request>(?:0x)?[0-9a-fA-F]{{1,8}})\b.{{0,80}}? "
         r"error (?P<error>(?:0x)?[0-9a-fA-F]{1,8})"),
    rule("nic_cmd", "qplib_cmdq", "warn", "QPLIB: cmdq", rf"{_BNXT}QPLIB: cmdq"),
    rule("nic_cmd", "alloc_failed", "warn", "Failed to allocate HW",
         rf"{_BNXT}Failed to allocate HW (?P<object>\w{{1,32}})"),
    rule("nic_cmd", "create_cq_failed", "warn", "Failed to create HW CQ", rf"{_BNXT}Failed to create HW CQ"),
    # since 6.8 the device stands before `NETDEV WATCHDOG`; before that only the interface and its driver stood behind it
    rule("nic_txq", "tx_queue_timeout", "warn", "NETDEV WATCHDOG: ",
         rf"NETDEV WATCHDOG: {_PORT} \((?P<driver>[^)]{{1,32}})\): transmit queue (?P<queue>\d{{1,6}}) timed out"),
    rule("nic_txq", "tx_queue_timeout", "warn", "NETDEV WATCHDOG: ",
         rf"(?:{PCI_GROUP} )?{_PORT}(?: \([\w ,]{{1,40}}\))?: NETDEV WATCHDOG: .{{0,20}}?"
         r"transmit queue (?P<queue>\d{1,6}) timed out"),
    rule("nic_txq", "tx_timeout", "warn", "TX timeout detected", rf"{_DRIVER}.{{0,40}}?TX timeout detected"),
    rule("nic_txq", "rx_timeout", "warn", "RX timeout on channel",
         rf"{_DRIVER}.{{0,40}}?RX timeout on channel(?:: | )(?P<channel>\d{{1,6}})"),
    rule("nic_rx", "tpa_mismatch", "warn", "TPA end agg_buf",
         rf"{_DRIVER}.{{0,40}}?TPA end agg_buf (?P<have>\d{{1,6}}) != expected"),
    worded("nic_module", "Port module event",
           rf"{_MLX5}Port module event(?:\[\w+\])?: module (?P<module>\d{{1,4}}), "
           r"(?P<word>Cable unplugged|Cable error, High [Tt]emperature|High [Tt]emperature)",
           {"cable unplugged": ("cable_unplugged", "warn"), "cable error, high temperature": ("high_temperature", "warn"),
            "high temperature": ("high_temperature", "warn")}),
    rule("nic_module", "cable_error", "warn", "Port module event",
         rf"{_MLX5}Port module event(?:\[\w+\])?: module (?P<module>\d{{1,4}}), "
         r"Cable error, (?P<error>[^\n]{1,80})"),
    rule("nic_power", "pcie_slot_power", "warn", "insufficient power on the PCIe slot",
         rf"{_MLX5}Detected insufficient power on the PCIe slot(?: \((?P<power_w>\d{{1,4}})W\))?"),
)  # fmt: skip
