"""Whose process it is, from the text of `/proc/PID/cgroup`. Readable for everyone, and only root can place a process.

Slurm writes `…/slurm[_NODE]/uid_U/job_J/…` with cgroup v1 and `…/[NODE_]slurmstepd.scope/job_J/…` with v2; tasks of arrays
and components of heterogeneous jobs have numbers of their own. A kubelet writes `…pod<uid>…` as a directory, or as a
systemd slice with underscores in the uid and all its parents in the name; the parents may be cut off (`/../..`) when the
reader lives in a cgroup namespace, and a kubelet may live below anything (kind), so only the pod's own part is matched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_BYTES = 65_536

_SLURM = re.compile(
    rb"/(?:slurm(?:_[^/\n]{1,255})?/uid_[0-9]{1,10}|(?:[^/\n]{1,255}_)?slurmstepd\.scope)/job_([0-9]{1,20})(?![^/\n])"
)
_POD = re.compile(
    rb"(?:^|[/:-])pod("
    rb"[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?![^/:\n])"
)
_CONTAINER = re.compile(rb"(?<!conmon-)(?<![0-9a-f])([0-9a-f]{64})(?:\.scope)?(?![^/:\n])")


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a cgroup file places its process; `job_id` is empty for a process of no scheduler."""

    scheduler: str
    job_id: str
    container: str


NOWHERE = Placed("none", "", "")


def placed_by(data: bytes) -> Placed:
    """The scheduler's job and the container. Slurm counts before Kubernetes: its node daemon may live in a pod."""
    text = data[:MAX_BYTES]
    slurm = _SLURM.search(text)
    pod = _POD.search(text)
    container = _CONTAINER.search(text, pod.end() if pod else 0)
    name = container[1].decode("ascii") if container else ""
    if slurm is not None:
        return Placed("slurm", slurm[1].decode("ascii"), name)
    if pod is not None:
        return Placed("kubernetes", pod[1].decode("ascii").replace("_", "-"), name)
    return Placed("none", "", name)
