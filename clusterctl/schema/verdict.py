"""What a check concludes: a state, why, and the repair it advises."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass


class State(enum.IntEnum):
    """In order of concern: what nobody could read is not healthy, so UNKNOWN stands above OK."""

    OK = 0
    UNKNOWN = 1
    WARN = 2
    FAIL = 3

    @property
    def word(self) -> str:
        """As people and the column `event.severity` write it, where OK is called info."""
        return self.name.lower()


class Action(enum.Enum):
    """A repair, as a word for programs and a line for people."""

    NONE = ("none", "Nothing to do.")
    INSPECT_COOLING = ("inspect_cooling", "Look at fans, airflow, cold plate and inlet temperature.")
    INSPECT_POWER = ("inspect_power", "Look at power supplies, cables, the power-brake line and the power limit.")
    RESET_GPU = ("reset_gpu", "End what runs on the GPU and reset it (nvidia-smi --gpu-reset).")
    DRAIN_NODE = ("drain_node", "Take no new jobs; let the running ones end before anything else is done.")
    DRAIN_AND_RESET_GPU = ("drain_and_reset_gpu", "Take no new jobs, let the running ones end, then reset the GPU.")
    REBOOT_NODE = ("reboot_node", "Drain the node and reboot it.")
    RECOVER_IMEX = ("recover_imex", "Restart the IMEX service of this NVLink domain.")
    RESEAT_OR_RMA_GPU = ("reseat_or_rma_gpu", "Reseat the GPU or its baseboard; if it comes back, return it.")
    REPLACE_CABLE_OR_OPTICS = ("replace_cable_or_optics", "Clean, reseat or replace the cable or the optical module.")
    RESET_COUNTERS = ("reset_counters", "Clear the port's counters (perfquery -R), so that growth can be seen again.")
    CHECK_FABRIC = ("check_fabric", "Look at the fabric manager or subnet manager and at the switch of this link.")
    INSPECT_STORAGE = ("inspect_storage", "Look at the disk, the kernel log or the file server behind this mount.")
    FREE_SPACE = ("free_space", "Remove or move files from this file system.")
    FREE_MEMORY = ("free_memory", "Find the job that takes the memory or the I/O of this node.")
    FIX_TIME_SYNC = ("fix_time_sync", "Start or repair the time daemon (chronyc tracking).")
    ENABLE_PERSISTENCE = ("enable_persistence", "Start nvidia-persistenced, or set nvidia-smi -pm 1.")
    RUN_DIAGNOSTICS = ("run_diagnostics", "Drain the node and run the vendor's diagnostics (dcgmi diag -r 3).")
    CONTACT_SUPPORT = ("contact_support", "Open a case with the vendor; attach the output of nvidia-bug-report.sh.")

    def __init__(self, word: str, meaning: str) -> None:
        self.word = word
        self.meaning = meaning


@dataclass(frozen=True, slots=True)
class Verdict:
    """One conclusion. `detail` names the numbers it stands on."""

    state: State
    detail: str = ""
    action: Action = Action.NONE

    @classmethod
    def ok(cls, detail: str = "") -> Verdict:
        """Read, and within limits."""
        return cls(State.OK, detail) if detail else FINE

    @classmethod
    def warn(cls, detail: str, action: Action = Action.NONE) -> Verdict:
        """Outside what is usual; work goes on."""
        return cls(State.WARN, detail, action)

    @classmethod
    def fail(cls, detail: str, action: Action = Action.NONE) -> Verdict:
        """Needs a repair."""
        return cls(State.FAIL, detail, action)

    @classmethod
    def unknown(cls, why: str) -> Verdict:
        """Nobody could tell, and why."""
        return cls(State.UNKNOWN, why)

    @classmethod
    def worst(cls, findings: Iterable[Verdict]) -> Verdict:
        """Of several findings on one subject the gravest state, with every finding of that state told. None is OK."""
        found = [finding for finding in findings if finding is not FINE]
        if not found:
            return FINE
        state = max(finding.state for finding in found)
        gravest = [finding for finding in found if finding.state is state]
        action = next((finding.action for finding in gravest if finding.action is not Action.NONE), Action.NONE)
        return cls(state, "; ".join(finding.detail for finding in gravest if finding.detail), action)


FINE = Verdict(State.OK)
"""Most verdicts are this one."""
