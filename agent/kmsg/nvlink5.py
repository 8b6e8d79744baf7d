"""Xid 144-150, the NVLink 5 records: `UNIT Fatal XC0 i0 Link 06 (0x0210c5c6 0x00000000 …)`.

The first word says what happened, the second is the error status. The sub-code's place in the first word moved with
driver 575; a line does not say which driver wrote it, so both readings go out, and whoever knows the driver picks one.
"""

from __future__ import annotations

import re

CODES = frozenset(str(code) for code in range(144, 151))
_RECORD = re.compile(
    r"(?P<unit>[A-Za-z][A-Za-z0-9_/]*) +(?P<word>Fatal|Nonfatal|Non-fatal) +XC(?P<xc>\d+) +i(?P<instance>\d+) +"
    r"Link +(?P<link>-?\d{1,4})(?: +\((?P<words>0x[0-9a-fA-F]{1,16}(?:[ ,]+0x[0-9a-fA-F]{1,16}){0,15})\))?",
    re.ASCII,
)
_WORD = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)


def subcode_v1(intr_info: int) -> int:
    """Sub-code as drivers before 575 place it: bits 9 to 5 of the first word."""
    return intr_info >> 5 & 0x1F


def subcode_v2(intr_info: int) -> int:
    """Sub-code as drivers from 575 on place it: bits 6 to 0 of the first word."""
    return intr_info & 0x7F


def nvlink_fields(message: str) -> dict[str, str]:
    """unit, word, link and the status words; empty if the message has another form. Link -1 is bound to no link."""
    match = _RECORD.search(message)
    if match is None:
        return {}
    fields = {
        "unit": match["unit"],
        "word": "Nonfatal" if match["word"] == "Non-fatal" else match["word"],
        "link": str(int(match["link"])),
    }
    words = _WORD.findall(match["words"] or "")
    if words:
        info = int(words[0], 16)
        fields["intr_info"] = words[0].lower()
        fields["subcode_v1"], fields["subcode_v2"] = str(subcode_v1(info)), str(subcode_v2(info))
        fields["status_words"] = " ".join(words).lower()
    if len(words) > 1:
        fields["error_status"] = words[1].lower()
    return fields
