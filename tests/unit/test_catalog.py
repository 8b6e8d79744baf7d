"""The catalogue: its rows, the rules of judgement, drift with the driver, and what events weigh."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.catalog import (
    Code,
    Weight,
    action_of,
    class_of,
    decode_nvlink5,
    lookup,
    meaning_of,
    shipped,
    version,
    weight_of,
)
from clusterctl.catalog.code import ARCHITECTURES, CAUSES, KINDS, KPI_VALUES, USER_VALUES
from clusterctl.catalog.differ import differing
from clusterctl.catalog.driver import covers, overlap, parsed
from clusterctl.catalog.sources import disagreements, opinions, sources

ROWS = [*shipped().codes(), *(pattern.row for found in shipped().patterns.values() for pattern in found)]
ISO = re.compile(r"20\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
YES = {48, 54, 57, 58, 62, 64, 79, 95, 110, 136, 140, 150, 157, 158, 161, 167, 171, 172, 173}
DEGRADATION = {63, 92, 121, 156, 160, 164, 165, 176}
CONDITIONAL = {
    8, 13, 31, 32, 39, 40, 41, 44, 46, 59, 61, 70, 71, 72, 74, 75, 76, 77, 80, 85, 90, 94, 109, 119, 120,
    *range(122, 136), *range(143, 147), 149, 159, 168, 169, 175,
}  # fmt: skip


def newest(kind: str) -> list[Code]:
    codes = {row.code for row in ROWS if row.kind == kind}
    return [row for code in codes if (row := lookup(kind, code))]


def test_every_row_is_valid() -> None:
    for row in ROWS:
        where = (row.kind, row.code)
        assert row.kind in KINDS, where
        assert re.fullmatch(r"[1-9]\d{0,4}", row.code), where
        assert row.hw_fault_kpi in KPI_VALUES, where
        assert (row.hw_fault_kpi == "if_line_says_fatal") <= (row.kind == "sxid"), where
        assert row.user_caused in USER_VALUES, where
        assert set(row.cause_class.split("|")) <= set(CAUSES), where
        assert set(row.architectures.split("|")) <= {*ARCHITECTURES, ""}, where
        assert "" not in (row.meaning, row.recommended_action), where
        assert bool(row.second_sign) == (row.hw_fault_kpi == "conditional"), where
        assert row.site_reason == "", where


def test_every_row_names_known_sources_and_the_newest_of_their_dates() -> None:
    known = sources()
    spoken = {source.names for source in known.values()}
    for row in ROWS:
        named = [known[name] for name in row.sources.split("|")]
        assert row.source_date == max(source.date for source in named), (row.kind, row.code)
        assert ISO.fullmatch(row.source_date), (row.kind, row.code)
        voices = {*opinions(row), *(source for source, _ in disagreements(row))}
        assert voices <= spoken, (row.kind, row.code)
        assert voices <= {source.names for source in named} | {"nvidia"}, (row.kind, row.code)
    for source in known.values():
        assert (ISO.fullmatch(source.date) is not None) == (source.date_is in ("published", "commit")), source


def test_ranges_of_one_number_do_not_overlap_and_their_bounds_are_versions() -> None:
    for rows in shipped().rows.values():
        for one, other in combinations(rows, 2):
            assert not overlap((one.driver_from, one.driver_until), (other.driver_from, other.driver_until)), one.code
        for row in rows:
            low, high = parsed(row.driver_from), parsed(row.driver_until)
            assert (low is None) == (row.driver_from == "")
            assert (high is None) == (row.driver_until == "")
            assert low is None or high is None or low < high, row.code


def test_the_counts_of_the_file() -> None:
    assert len(newest("xid")) == 177
    assert len(newest("sxid")) == 400
    assert sum(len(found) for found in shipped().patterns.values()) == 95
    assert [row.hw_fault_kpi for row in newest("sxid")].count("if_line_says_fatal") == 240


@pytest.mark.parametrize(
    ("judged", "codes"), [("yes", YES), ("degradation", DEGRADATION), ("conditional", CONDITIONAL)]
)
def test_the_lists_of_the_judgement_are_exact(judged: str, codes: set[int]) -> None:
    assert {int(row.code) for row in newest("xid") if row.hw_fault_kpi == judged} == codes


def test_the_codes_that_programs_commonly_cause() -> None:
    common = {int(row.code) for row in newest("xid") if row.user_caused == "common"}
    assert common == {13, 31, 43, 45, 108, 109, 137}
    assert all(weight_of("xid", str(code), "fail") is Weight.USER for code in common)


DRIFT = [
    ("xid", "139", "535.104.05", "ROBUST_CHANNEL_FAST_PATH_ERROR"),
    ("xid", "139", "555.42.02", "ROBUST_CHANNEL_FAST_PATH_ERROR"),
    ("xid", "139", "560.28.03", "ROBUST_CHANNEL_OFA1_ERROR"),
    ("xid", "144", "550.90.07", "ROBUST_CHANNEL_KEY_ROTATION_ERROR"),
    ("xid", "144", "555.42.02", "RESERVED0_ERROR"),
    ("xid", "144", "560.28.03", "NVLINK_SAW_ERROR"),
    ("xid", "149", "555.58", "RESERVED5_ERROR"),
    ("xid", "108", "580.65.06", "DESTINATION_FLA_TRANSLATION_ERROR"),
    ("xid", "108", "580.95.05", "NVLINK_REMOTE_TRANSLATION_ERROR"),
    ("xid", "30", "535.183", "ROBUST_CHANNEL_BAD_ADDR_ACCESS"),
    ("xid", "30", "545.23.06", "ROBUST_CHANNEL_UNUSED_ERROR_30"),
    ("sxid", "28001", "535.161", "NPORT_MULTICASTTSTATE_TAGPOOL_ECC_LIMIT_ERR"),
    ("sxid", "28001", "550.54.14", "OSFP_THERM_WARN_ACTIVATED"),
    ("sxid", "28005", "570.86", "OSFP_THERM_HEARTBEAT_SHUTDOWN"),
    ("sxid", "28006", "535.161", "NPORT_MULTICASTTSTATE_CRUMBSTORE_MCTO_ERR"),
    ("sxid", "29001", "535.161", "NPORT_REDUCTIONTSTATE_TAGPOOL_ECC_LIMIT_ERR"),
    ("sxid", "29001", "550.54.14", "NPORT_MULTICASTTSTATE_TAGPOOL_ECC_LIMIT_ERR"),
    ("sxid", "29006", "535.161", "NPORT_REDUCTIONTSTATE_CRUMBSTORE_RTO_ERR"),
    ("sxid", "29006", "550.54.14", "NPORT_MULTICASTTSTATE_CRUMBSTORE_MCTO_ERR"),
]


@pytest.mark.parametrize(("kind", "code", "driver", "name"), DRIFT)
def test_meanings_drift_with_the_driver(kind: str, code: str, driver: str, name: str) -> None:
    row = lookup(kind, code, driver)
    assert row is not None
    assert (row.mnemonic, row.covers(driver)) == (name, True)


def test_an_unknown_driver_gets_the_newest_meaning() -> None:
    for driver in ("", "unknown", "N/A", "é"):
        row = lookup("xid", "139", driver)
        assert row is not None
        assert row.mnemonic == "ROBUST_CHANNEL_OFA1_ERROR"
    assert meaning_of("sxid", "28001") == "NVSwitch cable module heat: warning began"


@pytest.mark.parametrize(
    ("code", "first"), [("173", "580.105.08"), ("174", "590.44"), ("175", "595.45.04"), ("176", "595.45.04")]
)
def test_codes_of_new_drivers_begin_with_them_and_are_not_lost_on_older_branches(code: str, first: str) -> None:
    row = lookup("xid", code, "570.10")
    assert row is not None
    assert row.driver_from == first
    assert not row.covers("570.10"), "a code carried back to an older branch has the nearest meaning"
    assert row.covers(first)


def test_versions_are_numbers_not_text() -> None:
    assert covers("560", "", "560.28.03")
    assert covers("580.95.05", "", "580.105.08")
    assert not covers("", "580.95.05", "580.105.08")
    assert covers("", "560", "R555.42")
    assert not covers("", "560", "")
    assert not covers("", "560", "560"), "the upper bound is not in the range"
    assert covers("560", "", "560")


def test_in_a_gap_between_ranges_the_next_newer_row_is_the_nearest() -> None:
    row = lookup("xid", "139")
    assert row is not None
    rows = tuple(
        replace(row, driver_from=since, driver_until=until, meaning=since)
        for since, until in (("535", "545"), ("560", "570"), ("580", ""))
    )
    known = replace(shipped(), rows={("xid", "139"): rows})

    def meaning(driver: str) -> str:
        found = known.lookup("xid", "139", driver)
        return found.meaning if found else ""

    assert [meaning(driver) for driver in ("525", "540", "550", "575", "590", "")] == [
        "535", "535", "560", "580", "580", "580",
    ]  # fmt: skip


def test_followers_weigh_nothing_alone_or_are_detail() -> None:
    assert weight_of("xid", "154", "fail") is Weight.NONE
    assert weight_of("xid", "94", "fail") is Weight.CONDITIONAL
    assert weight_of("xid", "171", "fail") is Weight.FAULT


def test_an_xid_that_nobody_knows_is_not_healthy() -> None:
    assert weight_of("xid", "777", "fail") is Weight.CONDITIONAL
    assert class_of("xid", "777") == "unknown"


def test_the_word_fatal_decides_for_an_sxid() -> None:
    assert weight_of("sxid", "12028", "fail") is Weight.FAULT
    assert weight_of("sxid", "12028", "warn") is Weight.NONE
    assert weight_of("sxid", "99999", "fail") is Weight.FAULT


def test_off_the_bus_is_79() -> None:
    assert weight_of("gpu_off_bus", "79", "fail") is Weight.FAULT
    assert class_of("gpu_off_bus", "79") == "hardware"


@pytest.mark.parametrize(
    ("kind", "code", "severity", "weight"),
    [
        ("check", "gpu_missing", "fail", Weight.CONDITIONAL),
        ("check", "nvlink_down", "fail", Weight.CONDITIONAL),
        ("check", "filesystem_read_only", "fail", Weight.CONDITIONAL),
        ("check", "gpu_missing", "warn", Weight.NONE),
        ("check", "gpu_missing", "unknown", Weight.NONE),
        ("check", "thermal_margin", "fail", Weight.NONE),
        ("nvml_hung", "", "fail", Weight.CONDITIONAL),
        ("gpu_lost", "", "fail", Weight.CONDITIONAL),
        ("gpu_lost", "", "warn", Weight.NONE),
        ("nvml", "sbe_storm", "fail", Weight.NONE),
        ("panic", "", "fail", Weight.CONDITIONAL),
    ],
)
def test_events_of_the_agent(kind: str, code: str, severity: str, weight: Weight) -> None:
    assert weight_of(kind, code, severity) is weight
    assert class_of(kind, code) == "unknown"


@pytest.mark.parametrize(
    ("action", "asks"),
    [("0", "no action"), ("1", "reset the GPU"), ("0x2", "reboot the node"), ("3", "peers"), ("4", "drain"),
     ("5", "IMEX"), ("6", "bus"), ("0x07", "reboot the system")],
)  # fmt: skip
def test_the_drivers_own_verdict_goes_before_the_table(action: str, asks: str) -> None:
    assert asks in action_of("xid", "154", fields={"action": action})


def test_a_verdict_that_nobody_knows_leaves_the_table() -> None:
    for action in ("", "8", "f", "-1", "0x", "1" * 99):
        assert action_of("xid", "154", fields={"action": action}) == "do what it names: reset, reboot, drain"
    assert action_of("xid", "777") == ""


@pytest.mark.parametrize(
    ("code", "source", "words"),
    [
        ("63", "gpud", "at run time drops 63 and 64"),
        ("63", "nvidia", "ignore"),
        ("64", "aws", "isolate"),
        ("94", "dcgm", "warning"),
        ("94", "gpud", "outside its reboot count"),
        ("109", "k8s-device-plugin", "skips it"),
        ("109", "nvidia", "reset"),
        ("109", "gcm", "not critical"),
        ("160", "nvsentinel", "restart"),
        ("162", "nvsentinel", "reset"),
        ("32", "nvidia_page", "signal quality"),
        ("38", "dcgm", "PCIe Bus Error"),
    ],
)
def test_where_sources_disagree(code: str, source: str, words: str) -> None:
    row = lookup("xid", code)
    assert row is not None
    assert words in dict(disagreements(row))[source]


def test_what_dcgm_and_the_device_plugin_always_do() -> None:
    said = {row.code: opinions(row) for row in newest("xid")}
    fail = {int(code) for code, voices in said.items() if voices.get("dcgm", "").startswith("FAIL")}
    skip = {int(code) for code, voices in said.items() if voices.get("k8s-device-plugin") == "skip"}
    assert fail == {48, 64, 74, 79, 95, 119, 120, 140}
    assert skip == {13, 31, 43, 45, 68, 109}


def test_twelve_of_fourteen_mild_codes_are_a_hard_fault_somewhere() -> None:
    """What NVIDIA tells to ignore or to restart the app for, at least one of seven tools takes out of service."""
    hard = {"Fatal", "FAIL", "critical", "fault"}
    mild = []
    for code in (13, 31, 32, 38, 43, 44, 63, 68, 69, 80, 92, 94, 121, 137):
        row = lookup("xid", str(code))
        assert row is not None
        assert row.nvidia_immediate in ("IGNORE", "RESTART_APP")
        tools = {name: said for name, said in opinions(row).items() if name not in ("imbue", "nvsentinel")}
        if not any(said.partition(":")[0] in hard for said in tools.values()):
            mild.append(code)
    assert mild == [13, 43]


def test_the_differing_codes_have_two_verdicts() -> None:
    found = {line.code: line for line in differing(shipped())}
    assert {"63", "94", "109", "137"} <= set(found)
    assert not {"79", "95", "13", "43"} & set(found)
    assert (found["109"].nvidia, found["109"].device_plugin) == ("RESET_GPU", "skip")


def test_the_version_names_date_and_content() -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d\.[0-9a-f]{8}", version())


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_text_can_break_it(kind: str, code: str, severity: str, driver: str) -> None:
    for one in (kind, "xid", "sxid", "check"):
        for number in (code, "149", "79"):
            fields = {"words": severity, "unit": kind, "word": code, "action": driver}
            lookup(one, number, driver)
            assert weight_of(one, number, severity, driver, fields) in Weight
            assert isinstance(class_of(one, number, driver, fields), str)
            assert isinstance(action_of(one, number, driver, fields), str)


@given(st.sampled_from(["144", "149", "1", ""]), st.lists(st.text(max_size=20), max_size=4), st.text(), st.text())
def test_no_words_can_break_the_decoder(code: str, words: list[str], unit: str, driver: str) -> None:
    decode_nvlink5(code, words, unit, unit, driver)
