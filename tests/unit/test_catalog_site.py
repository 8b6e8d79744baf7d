"""A site's overrides, and the command that explains."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from clusterctl.analytics.incidents.episodes import Signal
from clusterctl.catalog import Weight, action_of, class_of, load, shipped, weight_of
from clusterctl.catalog.explain import asked, explain
from clusterctl.cli import app
from clusterctl.errors import ConfigError, InputError
from tests.support.judged import HOUR, judged

SITE = """
[[xid]]
code = 94
driver_from = "570"
hw_fault_kpi = "no"
recommended_action = "restart the app"
reason = "poison from a peer, see our note 17"

[[sxid]]
code = 12028
hw_fault_kpi = "no"
reason = "a known flaw of our switch firmware"

[[xid]]
code = "13"
hw_fault_kpi = "yes"
reason = "only our burn-in runs here"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return path


def test_a_site_judges_otherwise_and_says_why(file: Path) -> None:
    site = load(str(file))
    row = site.lookup("xid", "94", "570.86")
    assert row is not None
    assert (row.hw_fault_kpi, row.site_reason) == ("no", "poison from a peer, see our note 17")
    assert weight_of("xid", "94", "fail", "570.86", site=site) is Weight.NONE
    assert weight_of("xid", "94", "fail", "550.54", site=site) is Weight.CONDITIONAL, "outside its drivers"
    assert weight_of("xid", "94", "fail", "", site=site) is Weight.NONE, "an unknown driver is taken for a recent one"
    assert action_of("xid", "94", "570.86", site=site) == "restart the app"
    assert weight_of("sxid", "12028", "fail", site=site) is Weight.NONE, "the site's word goes before the line's"
    assert weight_of("sxid", "12029", "fail", site=site) is Weight.FAULT
    assert weight_of("xid", "13", "fail", site=site) is Weight.FAULT
    assert class_of("xid", "13", site=site) != "user"
    assert weight_of("xid", "94", "fail", "570.86") is Weight.CONDITIONAL, "the shipped catalogue is untouched"


def test_a_sites_word_goes_before_a_decoded_sub_code(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(
        '[[xid]]\ncode = 144\nhw_fault_kpi = "conditional"\nreason = "we look ourselves"\n', encoding="utf-8"
    )
    words = {"words": "0x21 0x2", "word": "Fatal"}
    assert weight_of("xid", "144", "fail", "570.86", words) is Weight.FAULT
    assert weight_of("xid", "144", "fail", "570.86", words, load(str(path))) is Weight.CONDITIONAL


def test_the_version_includes_the_overrides(file: Path) -> None:
    before = load(str(file)).version
    assert before.startswith(shipped().version + "+site.")
    file.write_text(SITE + "\n# a remark\n", encoding="utf-8")
    assert load(str(file)).version != before
    assert load("").version == shipped().version


def test_incidents_are_judged_by_the_site_and_carry_its_version(file: Path) -> None:
    site = load(str(file))
    signals = [Signal("A", "gpu0", "xid", "13", "fail", 0, 0, 1, "line", "kmsg", "570.86")]
    found = judged(signals, quiet_ms=HOUR, catalogue=site)
    assert [row["catalog_version"] for row in found] == [site.version]
    assert [row["class"] for row in found] != ["user"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[xid]]\ncode = 94\nhw_fault_kpi = "no"', "xid[1].reason: missing"),
        ('[[xid]]\ncode = 94\nhw_fault_kpi = "no"\nreason = "  "', "xid[1].reason: expected a text"),
        ('[[xid]]\ncode = 777\nhw_fault_kpi = "no"\nreason = "x"', "xid[1].code"),
        ('[[xid]]\nhw_fault_kpi = "no"\nreason = "x"', "xid[1].code"),
        ('[[xid]]\ncode = 94\nmeaning = "no"\nreason = "x"', "xid[1].meaning: unknown column"),
        ('[[xid]]\ncode = 94\nhw_fault_kpi = "maybe"\nreason = "x"', "xid[1].hw_fault_kpi: expected one of yes"),
        ('[[xid]]\ncode = 94\nhw_fault_kpi = "if_line_says_fatal"\nreason = "x"', "xid[1].hw_fault_kpi"),
        ('[[xid]]\ncode = 94\ncause_class = "hw|moon"\nreason = "x"', "xid[1].cause_class"),
        ('[[xid]]\ncode = 94\nreason = "x"', "xid[1]: changes nothing"),
        ('[[xid]]\ncode = 94\ndriver_from = "new"\nhw_fault_kpi = "no"\nreason = "x"', "xid[1].driver_from"),
        ("[xid]\ncode = 94", "xid is a list"),
        ("[[nic]]\ncode = 94", "unknown key 'nic'"),
        ("code = ", "site.toml"),
        (2 * '[[xid]]\ncode = 94\nhw_fault_kpi = "no"\nreason = "x"\n', "two entries for the same drivers"),
    ],
)
def test_a_bad_file_names_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_overrides_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    for text in (raw, b"[[xid]]\n" + raw, b'[[xid]]\ncode = 94\nreason = "x"\n' + raw):
        path.write_bytes(text)
        with suppress(ConfigError):
            load(str(path))


def test_nesting_without_end_is_a_bad_file(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("xid = " + "[" * 100_000, encoding="utf-8")
    with pytest.raises(ConfigError):
        load(str(path))


def test_a_file_that_is_not_there_says_where_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / "none.toml"))
    assert "analytics.catalog_overrides" in caught.value.hint


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "140"}).invoke(app, ["xid", *arguments])
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("given", "kind", "code"),
    [("79", "xid", "79"), ("XID 79", "xid", "79"), ("xid:079", "xid", "79"), ("sxid:12028", "sxid", "12028"),
     ("SXid 12028", "sxid", "12028"), ("12028", "sxid", "12028"),
     ("nvidia-nvswitch2: SXid (PCI:0000:8b:00.0): 12022, Fatal, Link 37 egress", "sxid", "12022")],
)  # fmt: skip
def test_a_code_can_be_given_in_many_ways(given: str, kind: str, code: str) -> None:
    found = asked(given)
    assert (found.kind, found.code) == (kind, code)


@given(st.text(max_size=300))
def test_any_text_is_a_code_or_an_input_error(text: str) -> None:
    with suppress(InputError):
        explain(shipped(), asked(text), text)


def test_explaining_says_what_to_do_whether_it_counts_and_where_sources_differ() -> None:
    code, page = run("explain", "XID 94")
    assert code == 0
    for words in ("restart the app", "with a second sign", "A100, H100, B100, GB200", "RESTART_APP", "gpud",
                  "usually follows", "2026-08-22", shipped().version):  # fmt: skip
        assert words in page
    assert "yes: a hardware fault" in run("explain", "79")[1]
    assert "capability is lost" in run("explain", "63")[1]
    assert "programs usually cause it" in run("explain", "31")[1]
    assert "when its line says Fatal" in run("explain", "sxid:12028")[1]


def test_explaining_follows_the_driver_and_shows_the_other_meanings() -> None:
    code, page = run("explain", "139", "--driver", "550.54", "--format", "json")
    found = json.loads(page)
    assert (code, found["meaning"], found["drivers"]) == (0, "CUDA fast path error", "before 560")
    assert found["other_ranges"] == [["from 560", "ROBUST_CHANNEL_OFA1_ERROR", "Optical flow engine 1 error"]]
    assert "that driver is outside" in run("explain", "175", "--driver", "570.10")[1]


def test_explaining_decodes_words_or_a_whole_line() -> None:
    line = "NVRM: Xid (PCI:0028:01:00): 149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 06 (0x0210c5c6 0x00000000 0x0)"
    for arguments in ((line,), ("149", "--words", "0x0210c5c6 0x00000000", "--driver", "570.86")):
        code, page = run("explain", *arguments, "--format", "json")
        found = json.loads(page)
        assert code == 0
        assert (found["decoded"]["reason"], found["decoded"]["hardware_fault"]) == (33, True)
        assert found["counts"] == "yes: its sub-code is a hardware fault"
    assert "give --words" in run("explain", "149")[1]
    assert "no pattern fits" in run("explain", "149", "--words", "0xffffffff")[1]
    recovery = (
        "NVRM: Xid (PCI:0028:01:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x2 (OS Reboot)"
    )
    assert "reboot the node" in run("explain", recovery)[1]


def test_explaining_shows_the_sites_values_beside_the_shipped(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTERCTL_ANALYTICS_CATALOG_OVERRIDES", str(file))
    code, page = run("explain", "94", "--format", "json")
    found = json.loads(page)
    assert code == 0
    assert ["hw_fault_kpi", "conditional", "no"] in found["site"]
    assert found["site_reason"] == "poison from a peer, see our note 17"
    assert "our note 17" in run("explain", "94")[1]
    assert "(site)" in run("list")[1]


def test_an_unknown_code_could_not_be_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from clusterctl.cli import main

    monkeypatch.setattr("sys.argv", ["clusterctl", "xid", "explain", "777"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "clusterctl xid list" in capsys.readouterr().err


def test_the_lists() -> None:
    code, page = run("list", "--hardware", "--format", "json")
    assert code == 0
    assert len(json.loads(page)) == 19
    assert {row["hw_fault_kpi"] for row in json.loads(page)} == {"yes"}
    assert len(json.loads(run("list", "--kind", "sxid", "--format", "json")[1])) == 411
    code, page = run("diff")
    assert code == 0
    assert "RESET_GPU" in page
