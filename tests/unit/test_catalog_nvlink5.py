"""Decoding the words of Xid 144 to 150: every row from its own pattern, both layouts, and what it makes of an event."""

from __future__ import annotations

import random

import pytest

from clusterctl.analytics.incidents.episodes import Signal
from clusterctl.catalog import Weight, action_of, class_of, decode_nvlink5, fields_in, shipped, weight_of
from clusterctl.catalog.code import Code
from tests.support.judged import HOUR, judged

EXAMPLE_12 = (
    "NVRM: Xid (PCI:0028:01:00): 149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 06 "
    "(0x0210c5c6 0x00000000 0x00000000 0x00000000 0x00000000 0x00000000)"
)
OLD, NEW = "570.86.15", "575.51.02"
ROWS = [pattern.row for found in shipped().patterns.values() for pattern in found]
IDS = [f"{row.code}-{row.mnemonic}-{row.decode_v2[6:12]}-{row.decode_status}" for row in ROWS]


def word_of(pattern: str, chance: random.Random) -> str:
    """A word that fits, its free bits drawn."""
    return f"0x{int(''.join(digit if digit != '-' else chance.choice('01') for digit in pattern), 2):08x}"


def same_judgement(one: Code, other: Code) -> bool:
    return (one.hw_fault_kpi, one.nvidia_immediate, one.decode_status) == (
        other.hw_fault_kpi, other.nvidia_immediate, other.decode_status,
    )  # fmt: skip


@pytest.mark.parametrize("driver", [OLD, NEW])
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_words_made_of_a_rows_pattern_decode_to_it(row: Code, driver: str) -> None:
    chance = random.Random(IDS[ROWS.index(row)])
    pattern = row.decode_v1 if driver == OLD else row.decode_v2
    status = row.decode_status.split("|")[0] or f"0x{chance.getrandbits(32):08x}"
    names = row.mnemonic.split("/")
    unit = names[0] if driver == OLD else names[-1]
    for _ in range(20):
        found = decode_nvlink5(row.code, [word_of(pattern, chance), status], unit, "Fatal", driver)
        assert found is not None
        twins_in_v1 = driver == OLD and unit in ("TLW_RX", "TLW_TX")
        if twins_in_v1:
            assert same_judgement(found.row, row), "before 575 the two pipes of a unit have one pattern"
        elif found.row is not row:
            pytest.fail(f"{found.row.mnemonic} {found.row.decode_status}")


def test_a_unit_that_is_not_named_leaves_the_row_that_says_most() -> None:
    found = decode_nvlink5("150", ["0x0", "0x0"], driver_version=NEW)
    assert found is not None
    assert found.name == "MSE_WATCHDOG", "of two rows that fit, the one with fewer statuses"
    other = decode_nvlink5("150", ["0x0", "0xFFFFFFFF"], driver_version=NEW)
    assert other is not None
    assert other.name == "MSE Degraded"


def test_example_12() -> None:
    fields = fields_in(EXAMPLE_12)
    assert (fields["unit"], fields["word"]) == ("NETIR_LINK_EVT", "Fatal")
    found = decode_nvlink5("149", fields["words"].split(), fields["unit"], fields["word"], OLD)
    assert found is not None
    assert found.name == "NETIR_LINK_EVT/NETIR_LINK_DOWN"
    assert (found.sub_code, found.reason, found.layout) == (0b01110, 33, "v1")
    assert found.row.decode_v1[6:12] == "100001"
    assert (found.action, found.row.nvidia_investigate) == ("RESET_GPU", "INVESTIGATE_PEER_DEVICE")
    assert found.hardware_fault
    assert action_of("xid", "149", OLD, fields) == "reset the GPU; look at the device at the other end of the link"


def test_the_layout_is_the_drivers_and_both_are_tried_where_it_is_unknown() -> None:
    words = ["0x0210c5c6", "0x0"]
    assert decode_nvlink5("149", words, driver_version="575") is None, "an old word means nothing in the new layout"
    for driver in ("", OLD):
        found = decode_nvlink5("149", words, driver_version=driver)
        assert found is not None
        assert found.layout == "v1"


def test_the_second_pattern_asks_for_a_reset() -> None:
    for driver, usual, second in ((OLD, 0b00011000010, 0b10011000010), (NEW, 0b00000110, 0b10000110)):
        mild = decode_nvlink5("145", [hex(usual), "0x1"], "RLW_RXPIPE", "Fatal", driver)
        hard = decode_nvlink5("145", [hex(second), "0x1"], "RLW_RXPIPE", "Fatal", driver)
        assert mild is not None
        assert hard is not None
        assert mild.row is hard.row
        assert (mild.action, hard.action) == ("IGNORE", "RESET_GPU")
        assert hard.recommended == "reset the GPU"


def test_a_status_has_to_be_equal() -> None:
    assert decode_nvlink5("144", ["0x21", "0x3"], driver_version=OLD) is None
    assert decode_nvlink5("144", ["0x21"], driver_version=OLD) is None
    assert decode_nvlink5("149", ["0x6"], driver_version=OLD) is not None, "a row without a status takes any"


def test_words_have_to_be_hexadecimal() -> None:
    for words in ([], ["g"], ["0x123456789"], ["-1"], ["0x"], [""]):
        assert decode_nvlink5("149", words, driver_version=OLD) is None


def weight(code: str, words: str, word: str = "Fatal") -> Weight:
    return weight_of("xid", code, "fail", OLD if words else "", {"words": words, "word": word})


def test_a_sub_code_is_the_second_sign() -> None:
    assert weight("144", "") is Weight.CONDITIONAL
    assert weight("144", "0x21 0x2") is Weight.FAULT
    assert weight("144", "0x21 0x2", "Nonfatal") is Weight.CONDITIONAL
    assert weight("144", "0x21 0x1") is Weight.NONE, "NVIDIA ignores it"
    assert weight("149", "0x226 0x1") is Weight.DEGRADATION, "bit error rate"
    assert weight("149", "0x1110001c6 0x0") is Weight.CONDITIONAL, "nine digits are no word"
    assert weight("149", "0x00f001c6 0x0") is Weight.CONDITIONAL, "software took the link down; the GPU has to be reset"
    assert weight("150", "0x0 0x0") is Weight.FAULT, "the code itself is a fault already"
    assert class_of("xid", "144", OLD, {"words": "0x21 0x2"}) == "hardware"


def test_an_incident_is_judged_by_its_weightiest_line() -> None:
    mild = "NVRM: Xid (PCI:0028:01:00): 144, SAW_MVB Nonfatal XC0 i0 Link 01 (0x00000021 0x00000001 0x0 0x0 0x0 0x0)"
    hard = "NVRM: Xid (PCI:0028:01:00): 144, SAW_MVB Fatal XC0 i0 Link 01 (0x00000021 0x00000002 0x0 0x0 0x0 0x0)"
    lines = [
        Signal("A", "gpu0", "xid", "144", "fail", at * 1_000, at * 1_000, 1, text, "kmsg", OLD)
        for at, text in enumerate([mild, mild, hard])
    ]

    def said(signals: list[Signal]) -> list[tuple[object, object]]:
        return [(row["class"], row["impact"]) for row in judged(signals, quiet_ms=HOUR)]

    assert said(lines) == [("hardware", "fault")]
    assert said(lines[:2]) == [], "what NVIDIA ignores opens nothing"


def test_the_driver_of_the_event_decides_what_its_number_means() -> None:
    def classes(driver: str) -> list[str]:
        line = Signal("A", "gpu0", "xid", "144", "fail", 0, 0, 1, "", "kmsg", driver)
        return [row["class"] for row in judged([line], quiet_ms=HOUR)]

    assert classes("550.90.07") == [], "key rotation says nothing about the hardware"
    assert classes("570.86.15") == ["unknown"], "an undecoded NVLink error waits for a second sign"
