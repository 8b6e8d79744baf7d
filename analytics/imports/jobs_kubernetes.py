"""Jobs from Kubernetes: `kubectl get pods -A -o json`. A pod that asks for GPUs is a job; agents call it by its uid too."""

from __future__ import annotations

from typing import Any

from clusterctl.analytics.imports.job_run import MAX_OWNER, Jobs, Run
from clusterctl.analytics.imports.json_file import at, listed, text
from clusterctl.analytics.imports.states_kubernetes import gpus_of
from clusterctl.errors import InputError
from clusterctl.timetext import parse_time


def from_json(document: dict[str, Any]) -> Jobs:
    """Pods of a list, or the one pod that the document is."""
    jobs = Jobs("kubernetes")
    items = listed(document.get("items")) or ([document] if document.get("kind") == "Pod" else [])
    for index, pod in enumerate(items):
        try:
            _take(jobs, pod)
        except (InputError, ValueError) as error:
            name = text(at(pod, "metadata", "name"), 64)
            jobs.reject(index + 1, f"pod {name!r}: {error}")
    return jobs


def _take(jobs: Jobs, pod: object) -> None:
    gpus = sum(_asked(container) for container in listed(at(pod, "spec", "containers"))[:256])
    host, started = text(at(pod, "spec", "nodeName"), 300), _moment(at(pod, "status", "startTime"))
    if not gpus:
        jobs.without_gpus += 1
    elif not host or started is None:
        jobs.pending += 1
    else:
        jobs.add(_run(pod, host, started, min(gpus, 65_535)))


def _run(pod: object, host: str, started_ms: int, gpus: int) -> Run:
    phase = text(at(pod, "status", "phase"), 64)
    ended = phase in ("Succeeded", "Failed")
    endings = [at(one, "state", "terminated") for one in listed(at(pod, "status", "containerStatuses"))[:256]]
    codes = [code for one in endings if isinstance(code := at(one, "exitCode"), int) and 0 <= code < 2**31]
    finished = [ms for one in endings if (ms := _moment(at(one, "finishedAt"))) is not None]
    finished += [ms for one in _conditions(pod) if (ms := _moment(at(one, "lastTransitionTime"))) is not None]
    reason = text(at(pod, "status", "reason"), 64)
    namespace = text(at(pod, "metadata", "namespace"))
    return Run(
        text(at(pod, "metadata", "uid")),
        host,
        started_ms,
        max(started_ms, *finished) if ended and finished else started_ms if ended else None,
        gpus,
        namespace[:MAX_OWNER],
        (reason or phase) if ended else "",
        max(codes, default=None) if ended else None,
        int(phase == "Succeeded") if ended else None,
        _moment(at(pod, "metadata", "creationTimestamp")),
        _moment(at(pod, "metadata", "creationTimestamp")),
    )


def _conditions(pod: object) -> list[Any]:
    """Conditions that tell of the end where containers do not, as of an evicted pod."""
    told = [at(one, "state", "terminated") for one in listed(at(pod, "status", "containerStatuses"))[:256]]
    if any(at(one, "finishedAt") for one in told):
        return []
    return [
        one for one in listed(at(pod, "status", "conditions"))[:64] if at(one, "type") in ("Ready", "DisruptionTarget")
    ]


def _asked(container: object) -> int:
    return gpus_of(at(container, "resources", "limits")) or gpus_of(at(container, "resources", "requests")) or 0


def _moment(value: object) -> int | None:
    return parse_time(value) if isinstance(value, str) and value else None
