"""How checks are run: deadlines, gates, order, exit codes, the page; and that every check is declared whole."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clusterctl.commands.doctor import exit_code
from clusterctl.config import Config, knobs
from clusterctl.doctor.checks import CHECKS
from clusterctl.doctor.finding import Finding, fail, ok, size, span, warn, worst
from clusterctl.doctor.page import as_json, show
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import Check, Needs
from clusterctl.doctor.run import Examination, LeftOut, examine
from clusterctl.errors import BusUnavailable
from clusterctl.schema.verdict import State
from tests.support.cli import clusterctl


def made(name: str, read: Callable[[Patient], Any], needs: Needs = Needs.NOTHING, opens: Needs | None = None) -> Check:
    return Check(name, "", needs, (), read, lambda found, _config: iter(found), lambda _config: "", opens)


def config(deadline_s: float = 5.0) -> Config:
    return replace(Config(), doctor=replace(Config().doctor, deadline_s=deadline_s))


def run(*checks: Check, deadline_s: float = 5.0) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in examine(Patient(config(deadline_s)), checks, lambda _text, _done: None).findings:
        found.setdefault(finding.check, []).append(finding)
    return found


def fine(_patient: Patient) -> list[Finding]:
    return [ok("x", "well")]


def test_a_check_that_hangs_is_unknown_and_holds_nobody_up() -> None:
    release = threading.Event()

    def hang(_patient: Patient) -> list[Finding]:
        release.wait(30)
        return []

    begun_s = time.monotonic()
    found = run(made("hangs", hang), made("fine", fine), deadline_s=0.5)
    release.set()
    assert time.monotonic() - begun_s < 3
    assert found["fine"][0].state is State.OK
    assert found["hangs"][0].state is State.UNKNOWN
    assert "no answer within 0.5 s" in found["hangs"][0].seen


def test_a_check_that_could_not_read_is_unknown_with_the_hint() -> None:
    def away(_patient: Patient) -> list[Finding]:
        raise BusUnavailable("gone", hint="look there")

    def refused(_patient: Patient) -> list[Finding]:
        raise PermissionError(13, "Permission denied")

    found = run(made("away", away), made("refused", refused), made("mute", lambda _: []))
    assert (found["away"][0].state, found["away"][0].seen, found["away"][0].do) == (State.UNKNOWN, "gone", "look there")
    assert (found["refused"][0].state, found["refused"][0].seen) == (State.UNKNOWN, "Permission denied")
    assert found["mute"][0].state is State.UNKNOWN, "a check that says nothing has not said ok"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_ours_in_one_check_leaves_the_others_standing() -> None:
    def broken(_patient: Patient) -> list[Finding]:
        raise ZeroDivisionError

    begun_s = time.monotonic()
    found = run(made("broken", broken), made("fine", fine))
    assert time.monotonic() - begun_s < 2, "nobody waits for a thread that has died"
    assert (found["broken"][0].state, found["fine"][0].state) == (State.UNKNOWN, State.OK)
    assert "failed" in found["broken"][0].seen


def test_what_needs_a_broker_is_not_asked_when_none_answers_and_is_when_one_of_two_does() -> None:
    asked: list[str] = []

    def lag(_patient: Patient) -> list[Finding]:
        asked.append("lag")
        return fine(_patient)

    def gate(*states: State) -> Check:
        return made("broker", lambda _: [Finding("b", state, "") for state in states], opens=Needs.BROKER)

    shut = run(gate(State.FAIL), made("lag", lag, Needs.BROKER), made("parts", fine, Needs.STORE))
    assert (shut["lag"][0].state, asked) == (State.UNKNOWN, [])
    assert shut["lag"][0].seen == "not asked: the broker does not answer"
    assert shut["parts"][0].state is State.OK
    assert run(gate(State.OK, State.FAIL), made("lag", lag, Needs.BROKER))["lag"][0].state is State.OK
    assert asked == ["lag"]


def test_what_has_no_subject_is_left_out_with_a_word() -> None:
    left = replace(made("lag", fine), left_out=lambda _config: "the bus is local")
    seen = examine(Patient(config()), [left, made("x", fine)], lambda _text, _done: None)
    assert seen.left_out == (LeftOut("lag", "the bus is local"),)
    assert [finding.check for finding in seen.findings] == ["x"]


def test_progress_names_what_is_waited_for() -> None:
    told: list[str] = []
    examine(
        Patient(config()), [made("slow", lambda p: time.sleep(0.2) or fine(p))], lambda text, _done: told.append(text)
    )
    assert "waiting for slow" in told


def test_unknown_is_worse_than_ok_and_nothing_is_unknown() -> None:
    assert worst([ok("a", ""), Finding("b", State.UNKNOWN, "")]) is State.UNKNOWN
    assert worst([warn("a", "", "do"), Finding("b", State.UNKNOWN, ""), ok("c", "")]) is State.WARN
    assert worst([]) is State.UNKNOWN


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0204, "20 ms"),
        (9.94, "9.9 s"),
        (61, "61 s"),
        (600, "10 min"),
        (7_200, "2.0 h"),
        (604_800, "7.0 days"),
        (-3, "3.0 s"),
    ],
)
def test_spans_as_people_say_them(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_sizes_as_people_say_them() -> None:
    assert [size(count) for count in (5, 2_048, 3 << 30, 5 << 40)] == ["5 bytes", "2 KiB", "3 GiB", "5.0 TiB"]


@pytest.mark.parametrize(
    ("states", "code"),
    [((State.OK,), 0), ((State.OK, State.UNKNOWN), 2), ((State.UNKNOWN, State.WARN), 1), ((State.FAIL,), 1), ((), 2)],
)
def test_exit_codes(states: tuple[State, ...], code: int) -> None:
    assert exit_code(tuple(Finding("x", state, "") for state in states)) == code


# -- the page ----------------------------------------------------------------------------------------------------------

SEEN = Examination(
    (replace(ok("x", "well"), check="a"), replace(fail("h\x1b[2Jost", "gone", "run: it"), check="b")),
    (LeftOut("c", "no Kafka"),),
)


def test_the_page_has_the_gravest_first_and_nothing_that_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    show(SEEN)
    out = capsys.readouterr().out
    assert out.index("fail") < out.index("ok ")
    assert "run: it" in out
    assert "no Kafka" in out
    assert "1 fail, 1 ok" in out
    assert "\x1b[2J" not in out


def test_the_json_is_what_the_page_in_the_docs_says() -> None:
    found = json.loads(as_json(SEEN))
    assert found == {
        "version": 1,
        "state": "fail",
        "findings": [
            {"check": "a", "subject": "x", "state": "ok", "seen": "well", "do": ""},
            {"check": "b", "subject": "h\x1b[2Jost", "state": "fail", "seen": "gone", "do": "run: it"},
        ],
        "left_out": [{"check": "c", "why": "no Kafka"}],
    }
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert all(f"| {key} |" in page for key in found)
    assert all(f"`{key}`" in page for key in ("check", "subject", "state", "seen", "do"))


# -- the declarations --------------------------------------------------------------------------------------------------


def settings() -> Iterator[str]:
    for knob in knobs():
        yield f"{knob.section}.{knob.name}"


def test_every_check_is_declared_whole_and_every_limit_is_used() -> None:
    known = set(settings())
    assert len({check.name for check in CHECKS}) == len(CHECKS) >= 25
    for check in CHECKS:
        assert check.doc.endswith("."), check.name
        assert set(check.knobs) <= known, check.name
    used = {name for check in CHECKS for name in check.knobs} | {"doctor.deadline_s"}
    assert {name for name in known if name.startswith("doctor.")} <= used


# -- the command -------------------------------------------------------------------------------------------------------


def test_a_configuration_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("[bus]\nknid = 'kafka'\n")
    done = clusterctl({}, "--config", str(file), "doctor", "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert "unknown key" in found["findings"][0]["seen"]
    assert len(found["left_out"]) == len(CHECKS) - 1


def test_a_machine_where_nothing_has_run_yet_is_not_in_order_and_nothing_is_created(local_env: dict[str, str]) -> None:
    done = clusterctl(local_env, "doctor", "--format", "json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    by_check = {finding["check"]: finding for finding in found["findings"]}
    assert by_check["store"]["do"] == "run: clusterctl up"
    assert by_check["local lag"]["state"] == "unknown"
    assert by_check["parts"]["seen"] == "not asked: the store does not answer"
    assert {left["check"] for left in found["left_out"]} >= {"broker", "lag", "memory", "agent here"}
    assert not Path(local_env["CLUSTERCTL_SITE_DATA_DIR"]).exists()
