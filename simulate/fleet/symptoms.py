"""What the kernel says when something breaks, in its own phrasings (docs/kernel-log.md), and which codes follow which."""

from __future__ import annotations

from dataclasses import dataclass

XID = "NVRM: Xid (PCI:{pci}): "
_OWNED = XID + "{code}, pid={pid}, name={process}, "
_RESET = XID + "154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)"
_REBOOT = XID + "154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)"
_GSP = (
    XID + "119, pid={pid}, name={process}, Timeout after 6s of waiting for RPC response from GPU{gpu} GSP! "
    "Expected function 76 (GSP_RM_CONTROL) sequence {number} (0x2080a101 0x18)."
)
_GSP_LIMIT = "NVRM: Rate limiting GSP RPC error prints for GPU at PCI:{pci} (printing 1 of every 30).  The GPU likely needs to be reset."


def _owned(code: int, message: str) -> str:
    return _OWNED.replace("{code}", str(code)) + message


_DBE = XID + (
    "48, pid=0, An uncorrectable double bit error (DBE) has been detected on GPU in the framebuffer at partition 2, subpartition 0."
)
_PREEMPTED = _owned(45, "Ch 0000000{channel}")
_LOST = XID + "79, pid={pid}, name={process}, GPU has fallen off the bus."


@dataclass(frozen=True, slots=True)
class Symptom:
    """A way to break. `says` has (seconds after the beginning, line); `again` is the line that repeats until somebody acts;
    `echoes` are Xids that NVML tells as well; `subject` is gpu, port or host."""

    name: str
    cls: str
    weight: float
    says: tuple[tuple[float, str], ...]
    again: str = ""
    echoes: tuple[int, ...] = ()
    subject: str = "gpu"


GPU = (
    Symptom("off_bus", "hardware", 5, ((0, _LOST), (0.01, "NVRM: GPU {pci}.0: GPU has fallen off the bus."), (2, _REBOOT)),
            again=_LOST, echoes=(79,)),
    Symptom("off_bus_unnumbered", "hardware", 1, ((0, "NVRM: GPU {pci}.0: GPU has fallen off the bus."),)),
    Symptom("dbe", "hardware", 4,
            ((0, _DBE), (0.3, _owned(63, "Row Remapper: New row marked for remapping, reset gpu to activate.")),
             (0.6, _PREEMPTED), (1.5, _RESET)), again=_DBE, echoes=(48, 63)),
    Symptom("remap_failed", "hardware", 1,
            ((0, _owned(64, "Row remapper: failed to record the row.")), (0.5, _RESET)), echoes=(64,)),
    Symptom("uncontained", "hardware", 3,
            ((0, _owned(95, "Uncontained: LTC DATA (0x2, 0x1). physAddr: 0x{number:08x} RST: Yes, D-RST: No")),
             (0.4, _PREEMPTED), (1, _RESET)),
            again=_owned(95, "Uncontained: LTC DATA (0x2, 0x1). physAddr: 0x{number:08x} RST: Yes, D-RST: No"), echoes=(95,)),
    Symptom("contained_dram", "hardware", 3,
            ((0, _owned(94, "Contained: FB (0x1). RST: No, D-RST: No")),
             (0.2, XID + "171, Uncorrectable DRAM error, partition 1, subpartition 0"), (0.5, _owned(43, "Ch 0000000{channel}"))),
            echoes=(94, 171)),
    Symptom("sram", "hardware", 2,
            ((0, XID + "172, Uncorrectable SRAM error, unit L2"), (0.2, _owned(95, "Uncontained: L2 (0x1). RST: Yes, D-RST: No"))),
            echoes=(172,)),
    Symptom("pmu", "hardware", 1,
            ((0, XID + "62, 11a20c4f 00003c10 00000000 201bb0aa"),
             (1, _owned(45, "Ch 0000000{channel} caused by previous Xid 62")), (2, _RESET)),
            again=XID + "62, 11a20c4f 00003c10 00000000 201bb0aa"),
    Symptom("nvlink", "hardware", 2,
            ((0, _owned(74, "NVLink: fatal error detected on link {link}(0x10000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)")),
             (0.1, "nvidia-nvswitch2: SXid (PCI:0000:8b:00.0): 12022, Fatal, Link {link} egress crumbstore ECC DBE (First)"),
             (0.11, "nvidia-nvswitch2: SXid (PCI:0000:8b:00.0): 12022, Severity 1 Engine instance {link} Sub-engine instance 00"),
             (1, _PREEMPTED)), echoes=(74,)),
    Symptom("gsp_then_lost", "hardware", 2,
            ((0, _GSP), (6, _GSP), (12, _GSP), (18, _GSP_LIMIT), (240, _LOST), (242, _REBOOT)), again=_GSP, echoes=(119,)),
    Symptom("ecc_escape", "hardware", 1, ((0, XID + "140, An uncorrectable ECC error detected"), (1, _RESET)), echoes=(140,)),
)  # fmt: skip
HOST = (
    Symptom("dimm", "hardware", 3,
            ((0, "EDAC MC3: 1 UE memory read error on CPU_SrcID#1_MC#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x{number:x})"),
             (0.1, "mce: Uncorrected hardware memory error in user-access at {number:x}00")), subject="host"),
    Symptom("machine_check", "hardware", 1,
            ((0, "{{1}}[Hardware Error]: event severity: fatal"), (0.2, "Kernel panic - not syncing: Fatal machine check")),
            subject="host"),
    Symptom("pcie", "hardware", 2,
            ((0, "pcieport 0000:16:01.0: AER: Uncorrectable (Fatal) error message received from {pci}.0"),
             (0.1, "pcieport 0000:16:01.0: DPC: containment event, status:0x1f01 source:0x0000"), (1, _LOST)), echoes=(79,)),
)  # fmt: skip
NIC = (
    Symptom("nic_dead", "network", 2,
            ((0, "mlx5_core {port_pci}: poll_health:1000:(pid 0): device's health compromised - reached miss count"),
             (1, "mlx5_core {port_pci} mlx5_{port}: Port: 1 Link DOWN")), subject="port",
            again="mlx5_core {port_pci}: poll_health:1000:(pid 0): device's health compromised - reached miss count"),
)  # fmt: skip
STORAGE = (
    Symptom("nvme", "storage", 2,
            ((0, "nvme nvme{disk}: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10"),
             (31, "nvme nvme{disk}: Disabling device after reset failure: -19"),
             (31.2, "I/O error, dev nvme{disk}n1, sector {number} op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2"),
             (33, "EXT4-fs error (device nvme{disk}n1): ext4_find_entry:1612: inode #2: comm {process}: reading directory lblock 0")),
            subject="host"),
    Symptom("xfs", "storage", 1,
            ((0, "XFS (nvme{disk}n1): metadata I/O error in \"xfs_imap_to_bp+0x61/0xb0 [xfs]\" at daddr 0x{number:x} len 32 error 5"), (0.1, "XFS (nvme{disk}n1): Filesystem has been shut down due to log error (0x2).")),
            subject="host"),
)  # fmt: skip
DRIVER = (
    Symptom("gsp_hang", "driver", 1,
            ((0, _GSP), (6, _GSP), (12, _GSP), (18, _GSP_LIMIT), (40, _RESET)),
            again=_GSP, echoes=(119,)),
)  # fmt: skip
AMBIGUOUS = (  # the first two cost nothing, and the third nothing beyond the job that a poison ends: no second sign comes
    Symptom("gsp", "unknown", 2, ((0, _GSP), (6, _GSP)), echoes=(119,)),
    Symptom("nvlink_alone", "unknown", 1,
            ((0, _owned(74, "NVLink: fatal error detected on link {link}(0x10000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)")),), echoes=(74,)),
    Symptom("contained_sm", "unknown", 2,
            ((0, _owned(94, "Contained: SM (0x1). RST: No, D-RST: No")), (0.5, _PREEMPTED)), echoes=(94,)),
)  # fmt: skip
DEGRADED = (
    Symptom("row_remapped", "degradation", 3,
            ((0, _owned(63, "Row Remapper: New row marked for remapping, reset gpu to activate.")),), echoes=(63,)),
    Symptom("single_bits", "degradation", 1, ((0, XID + "92, High single-bit ECC error rate"),)),
    Symptom("channel_retired", "degradation", 1, ((0, XID + "160, Channel retirement event"),)),
)  # fmt: skip
USER = (
    Symptom("illegal_address", "user", 3,
            ((0, _owned(13, "Graphics SM Warp Exception on (GPC 2, TPC 1, SM 0): Out Of Range Address")),
             (0.2, _owned(43, "Ch 0000000{channel}")))),
    Symptom("page_fault", "user", 3,
            ((0, _owned(31, "Ch 0000000{channel}, intr 00000000. MMU Fault: ENGINE GRAPHICS GPC3 GPCCLIENT_T1_2 faulted @ "
                            "0x7e12_{number:08x}. Fault is of type FAULT_PDE ACCESS_TYPE_VIRT_READ")),
             (0.1, _owned(43, "Ch 0000000{channel}")))),
)  # fmt: skip
LINK_DOWN = "mlx5_core {port_pci} mlx5_{port}: Port: 1 Link DOWN"
PEER = _owned(45, "Ch 0000000{channel}")
"""What a peer's GPU says when the job is ended under it."""
