"""What was found, as a page or as JSON."""

from __future__ import annotations

import json

from clusterctl.doctor.finding import worst
from clusterctl.doctor.run import Examination
from clusterctl.schema.verdict import State
from clusterctl.terminal import Sheet, clean

JSON_VERSION = 1
MAX_TEXT = 600


def as_json(made: Examination) -> str:
    """The documented form (docs/doctor.md): a version, the gravest state, findings, and what was left out."""
    document = {
        "version": JSON_VERSION,
        "state": worst(made.findings).word,
        "findings": [
            {"check": f.check, "subject": f.subject, "state": f.state.word, "seen": f.seen, "do": f.do}
            for f in made.findings
        ],
        "left_out": [{"check": left.check, "why": left.why} for left in made.left_out],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def show(made: Examination) -> None:
    """The gravest first; within a state in the order of the checks, which is that of the pipeline."""
    sheet = Sheet()
    ordered = sorted(made.findings, key=lambda finding: -finding.state)
    sheet.table(
        ("state", "check", "where", "seen"),
        [(f.state.word, f.check, clean(f.subject), clean(f.seen, MAX_TEXT)) for f in ordered],
    )
    todo: dict[str, list[str]] = {}
    for finding in ordered:
        if finding.do and finding.check not in todo.setdefault(finding.do, []):
            todo[finding.do].append(finding.check)
    if todo:
        sheet.title("What to do")
        sheet.table(("next", "for"), [(clean(do, MAX_TEXT), ", ".join(names)) for do, names in todo.items()])
    if made.left_out:
        sheet.title("Left out")
        sheet.table(("check", "why"), [(left.check, clean(left.why)) for left in made.left_out])
    counted = {state: sum(f.state is state for f in made.findings) for state in sorted(State, reverse=True)}
    sheet.line("")
    sheet.line(", ".join(f"{count} {state.word}" for state, count in counted.items() if count))
