"""Whose process it is, from its environment: weaker than its cgroup, for a process can say there what it likes."""

from __future__ import annotations

import re

MAX_BYTES = 65_536

_NUMBER = re.compile(rb"[0-9]{1,20}")
_POD_UID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SOURCES = (
    (b"SLURM_JOB_ID=", "slurm", _NUMBER),
    (b"SLURM_JOBID=", "slurm", _NUMBER),
    (b"POD_UID=", "kubernetes", _POD_UID),
)


def claimed_by(data: bytes) -> tuple[str, str]:
    """Scheduler and job id that the environment names, `("none", "")` if it names none in the right form."""
    variables = data[:MAX_BYTES].split(b"\0")
    for prefix, scheduler, form in _SOURCES:
        for variable in variables:
            if variable.startswith(prefix) and form.fullmatch(variable, len(prefix)):
                return scheduler, variable[len(prefix) :].decode("ascii")
    return "none", ""
