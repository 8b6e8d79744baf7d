"""The driver's own verdict: what Xid 154 and NVML field 230 ask for. The number counts, its name has changed."""

from __future__ import annotations

import re

ACTIONS = {
    0: "none: the GPU needs no action",
    1: "reset the GPU",
    2: "reboot the node",
    3: "drain the peers of the GPU",
    4: "drain the GPU and reset it",
    5: "recover the IMEX domain",
    6: "reset the GPU over its bus",
    7: "reboot the system",
}
_HEX = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,2})", re.ASCII)


def verdict(action: str) -> str:
    """What a hexadecimal action number asks for; empty where it is none that we know."""
    found = _HEX.fullmatch(action) if len(action) <= 4 else None
    return ACTIONS.get(int(found[1], 16), "") if found else ""
