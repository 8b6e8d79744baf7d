"""The words behind Xid 144 to 150: unit, reason and status of an NVLink 5 error.

The first word is laid out in one way before driver 575 and in another from it on; a pattern is 32 binary digits, bit 31
first, `-` for any. The second word is a status that has to be equal. A unit's second pattern asks for more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clusterctl.catalog.code import Code
from clusterctl.catalog.driver import parsed

CODES = ("144", "145", "146", "147", "148", "149", "150")
NEW_LAYOUT = (575,)
MAX_WORDS = 8
_WORD = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,8})", re.ASCII)
_LINE = re.compile(
    r"(?P<unit>[A-Z][A-Z0-9_]{1,40}) {1,16}(?P<word>Fatal|Nonfatal) {1,16}XC\d{1,3} i\d{1,3} Link {1,4}-?\d{1,4}"
    r" {1,4}\((?P<words>[0-9a-fA-FxX ]{3,120})\)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SubCode:
    """What the words of one line say."""

    row: Code
    """The row of kind xid_nvlink5 that fits."""
    name: str
    sub_code: int
    """Number of the unit in the first word: bits 9:5 before driver 575, bits 6:0 from it on."""
    reason: int
    """Bits 25:20 of the first word; why a link went down."""
    layout: str
    """v1 before driver 575, v2 from it on."""
    action: str
    """NVIDIA's immediate bucket, the second pattern's where that one fits."""
    severity_word: str

    @property
    def hardware_fault(self) -> bool:
        """Whether the sub-code is a hardware fault by itself: its row says yes and the line does not say Nonfatal."""
        return self.row.hw_fault_kpi == "yes" and self.severity_word.lower() != "nonfatal"

    @property
    def recommended(self) -> str:
        """What to do, in our words."""
        return "reset the GPU" if self.action != self.row.nvidia_immediate else self.row.recommended_action


@dataclass(frozen=True, slots=True)
class _Mask:
    """A pattern as two integers."""

    mask: int
    value: int

    @staticmethod
    def of(pattern: str) -> _Mask:
        bits = [(31 - at, digit) for at, digit in enumerate(pattern) if digit != "-"]
        return _Mask(sum(1 << bit for bit, _ in bits), sum(1 << bit for bit, digit in bits if digit == "1"))

    def fits(self, word: int) -> bool:
        return word & self.mask == self.value


@dataclass(frozen=True, slots=True)
class Pattern:
    """One decode row, ready to compare."""

    row: Code
    first: dict[str, _Mask]
    second: dict[str, _Mask]
    """The pattern that asks for `escalated` instead; empty where there is none."""
    escalated: str
    statuses: frozenset[int]
    """Empty means any."""

    @staticmethod
    def of(row: Code) -> Pattern:
        """The row of the file as masks."""
        v1, v2, escalated = row.decode_action2.split("|") if row.decode_action2 else ("", "", "")
        return Pattern(
            row,
            {"v1": _Mask.of(row.decode_v1), "v2": _Mask.of(row.decode_v2)},
            {"v1": _Mask.of(v1), "v2": _Mask.of(v2)} if escalated else {},
            escalated,
            frozenset(int(status, 16) for status in row.decode_status.split("|") if status),
        )

    def action(self, layout: str, word: int, status: int | None) -> str:
        """The bucket that the words ask for; empty if they do not fit."""
        if self.statuses and status not in self.statuses:
            return ""
        if self.first[layout].fits(word):
            return self.row.nvidia_immediate
        return self.escalated if self.second and self.second[layout].fits(word) else ""

    def preference(self, unit: str) -> tuple[bool, int, int]:
        """Of several rows that fit, the one that names the unit, then the one that says most, is meant."""
        fixed = self.first["v1"].mask.bit_count() + self.first["v2"].mask.bit_count()
        return (unit in self.row.mnemonic.split("/"), fixed, -len(self.statuses) if self.statuses else -MAX_WORDS)


def decode(
    patterns: Iterable[Pattern], words: Sequence[str], unit: str, severity_word: str, driver_version: str
) -> SubCode | None:
    """The best row for a line's words. Without a driver version the newer layout is tried first."""
    numbers = [_number(word) for word in words[:2]]
    if not numbers or numbers[0] is None:
        return None
    word, status = numbers[0], numbers[1] if len(numbers) > 1 else None
    for layout in _layouts(driver_version):
        found = [(pattern, action) for pattern in patterns if (action := pattern.action(layout, word, status))]
        if found:
            best, action = max(found, key=lambda pair: pair[0].preference(unit))
            number = word >> 5 & 0x1F if layout == "v1" else word & 0x7F
            return SubCode(best.row, best.row.mnemonic, number, word >> 20 & 0x3F, layout, action, severity_word)
    return None


def fields_in(text: str) -> dict[str, str]:
    """Unit, word and words of a kernel line of Xid 144 to 150; empty where the line has another form."""
    found = _LINE.search(text[:2_000])
    return found.groupdict() if found else {}


def _layouts(driver_version: str) -> tuple[str, ...]:
    driver = parsed(driver_version)
    if driver is None:
        return ("v2", "v1")
    return ("v2",) if driver >= NEW_LAYOUT else ("v1",)


def _number(word: str) -> int | None:
    found = _WORD.fullmatch(word.strip()) if len(word) <= 16 else None
    return int(found[1], 16) if found else None
