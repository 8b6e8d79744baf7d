"""Each check in a thread of its own with a deadline: one that hangs is unknown, and nothing waits for it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from clusterctl.doctor.finding import Finding, unknown
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.registry import Check, Needs
from clusterctl.errors import ClusterctlError
from clusterctl.schema.verdict import State

LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A check that has no subject under this configuration, and why."""

    check: str
    why: str


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found, in the order of the checks, and what there was nothing to examine of."""

    findings: tuple[Finding, ...]
    left_out: tuple[LeftOut, ...]


Told = Callable[[str, float], None]
"""Called with the checks still waited for, and how many are done."""


def examine(patient: Patient, checks: Sequence[Check], told: Told) -> Examination:
    """Run the checks: first those that need nothing, then those whose broker or store answered."""
    reasons = {check: check.left_out(patient.config) for check in checks}
    todo = [check for check in checks if not reasons[check]]
    first = [check for check in todo if check.needs is Needs.NOTHING]
    found = _together(patient, first, told, 0)
    shut = {check.opens for check in first if check.opens and _closed(found[check])}
    second = [check for check in todo if check.needs is not Needs.NOTHING]
    found.update({check: [_not_asked(check)] for check in second if check.needs in shut})
    found.update(_together(patient, [check for check in second if check.needs not in shut], told, len(found)))
    findings = tuple(replace(finding, check=check.name) for check in todo for finding in found[check])
    return Examination(findings, tuple(LeftOut(check.name, why) for check, why in reasons.items() if why))


def _closed(findings: Iterable[Finding]) -> bool:
    """Whether nothing of it could be reached; a cluster with one broker of three down can still be asked."""
    return all(finding.state in (State.FAIL, State.UNKNOWN) for finding in findings)


def _not_asked(check: Check) -> Finding:
    return unknown("-", f"not asked: {check.needs.value} does not answer", f"first see to {check.needs.value}, above")


def _together(patient: Patient, checks: Sequence[Check], told: Told, done_before: int) -> dict[Check, list[Finding]]:
    answers: queue.SimpleQueue[tuple[Check, list[Finding]]] = queue.SimpleQueue()
    threads = {
        check: threading.Thread(target=_answer, args=(patient, check, answers), name=f"check-{check.name}", daemon=True)
        for check in checks
    }
    for thread in threads.values():
        thread.start()
    deadline_s = time.monotonic() + patient.config.doctor.deadline_s
    found: dict[Check, list[Finding]] = {}
    while len(found) < len(checks) and (left_s := deadline_s - time.monotonic()) > 0:
        waiting = [check.name for check in checks if check not in found]
        told(f"waiting for {', '.join(waiting)}", done_before + len(found))
        try:
            check, findings = answers.get(timeout=min(left_s, LOOK_EVERY_S))
        except queue.Empty:
            if answers.empty() and not any(threads[c].is_alive() for c in checks if c not in found):
                break  # whoever has not answered by now has died of a fault of ours
            continue
        found[check] = findings
    return {check: found.get(check) or [_silent(check, patient, threads[check])] for check in checks}


def _silent(check: Check, patient: Patient, thread: threading.Thread) -> Finding:
    if thread.is_alive():
        return unknown(
            "-",
            f"no answer within {patient.config.doctor.deadline_s:g} s (doctor.deadline_s)",
            "see whether it hangs or is only slow: raise doctor.deadline_s",
        )
    return unknown(
        "-", "the check itself failed; its traceback stands above", "this is a fault of clusterctl: report it"
    )


def _answer(patient: Patient, check: Check, answers: queue.SimpleQueue[tuple[Check, list[Finding]]]) -> None:
    try:
        findings = list(check.judge(check.read(patient), patient.config))
    except ClusterctlError as error:
        findings = [unknown("-", str(error), error.hint)]
    except OSError as error:
        findings = [unknown("-", f"{error.strerror or error}")]
    answers.put((check, findings or [unknown("-", "the check said nothing")]))
