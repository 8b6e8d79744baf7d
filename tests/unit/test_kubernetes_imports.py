"""Nodes and pods as kubectl prints them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.analytics.imports import jobs_kubernetes, states_kubernetes
from clusterctl.analytics.imports.node_words import STATES
from clusterctl.timetext import parse_time


def node(
    *, ready: str | None = "True", cordon: bool = False, taints: tuple[str, ...] = (), **conditions: str
) -> dict[str, Any]:
    listed = [{"type": name, "status": status, "message": f"about {name}"} for name, status in conditions.items()]
    listed += [{"type": "Ready", "status": ready, "message": "kubelet"}] if ready else []
    return {
        "metadata": {"name": "k1"},
        "spec": {"unschedulable": cordon, "taints": [{"key": key, "effect": "NoSchedule"} for key in taints]},
        "status": {"conditions": listed, "capacity": {"cpu": "96", "nvidia.com/gpu": "8"}},
    }


@pytest.mark.parametrize(
    ("item", "state", "raw"),
    [
        (node(), "in_service", "Ready=True"),
        (node(taints=("nvidia.com/gpu",)), "in_service", "Ready=True+nvidia.com/gpu"),
        (node(cordon=True), "drained", "Ready=True+unschedulable"),
        (
            node(cordon=True, taints=("example.com/maintenance",)),
            "planned",
            "Ready=True+unschedulable+example.com/maintenance",
        ),
        (node(ready="False", cordon=True), "repair", "Ready=False+unschedulable"),
        (node(ready="Unknown"), "unknown", "Ready=Unknown"),
        (node(ready=None), "unknown", "Ready=missing"),
        (node(KernelDeadlock="True"), "in_service", "Ready=True+KernelDeadlock=True"),
        (node(MemoryPressure="False"), "in_service", "Ready=True"),
    ],
)
def test_the_meaning_of_a_node(item: dict[str, Any], state: str, raw: str) -> None:
    (said,) = states_kubernetes.from_json({"items": [item]}, ["maint", "planned"]).said
    assert (said.host, said.state, said.raw_state, said.gpus) == ("k1", state, raw, 8)


def test_a_problem_detectors_word_is_the_reason() -> None:
    (said,) = states_kubernetes.from_json({"items": [node(KernelDeadlock="True")]}, []).said
    assert said.reason == "KernelDeadlock: about KernelDeadlock"


def pod(phase: str, *, gpus: str = "8", terminated: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "namespace": "team", "uid": "u-1", "creationTimestamp": "2026-03-01T09:00:00Z"},
        "spec": {"nodeName": "k1", "containers": [{"resources": {"limits": {"nvidia.com/gpu": gpus}}}, {}]},
        "status": {
            "phase": phase,
            "startTime": "2026-03-01T10:00:00Z",
            "containerStatuses": [{"state": {"terminated": terminated} if terminated else {"running": {}}}],
            **status,
        },
    }


def test_pods_are_jobs_with_their_exit_codes() -> None:
    ended = {"exitCode": 137, "finishedAt": "2026-03-01T12:00:00Z"}
    jobs = jobs_kubernetes.from_json(
        {
            "items": [
                pod("Running"),
                pod("Failed", terminated=ended),
                pod("Pending", startTime=None),
                pod("Running", gpus="0"),
            ]
        }
    )
    running, failed = jobs.runs
    assert (running.job_id, running.host, running.gpus, running.owner, running.end_ms) == ("u-1", "k1", 8, "team", None)
    assert (failed.end_state, failed.exit_code, failed.wanted_end) == ("Failed", 137, 0)
    assert failed.end_ms == parse_time("2026-03-01T12:00:00Z")
    assert (jobs.pending, jobs.without_gpus) == (1, 1)


def test_an_evicted_pod_ended_when_its_conditions_say() -> None:
    evicted = pod(
        "Failed",
        reason="Evicted",
        conditions=[{"type": "DisruptionTarget", "lastTransitionTime": "2026-03-01T11:00:00Z"}],
    )
    (run,) = jobs_kubernetes.from_json({"items": [evicted]}).runs
    assert (run.end_state, run.end_ms) == ("Evicted", parse_time("2026-03-01T11:00:00Z"))


KEYS = [
    "metadata",
    "name",
    "uid",
    "spec",
    "status",
    "containers",
    "conditions",
    "type",
    "startTime",
    "nodeName",
    "phase",
    "taints",
    "key",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from("aT1:-Z \x00é"), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)


@given(st.lists(JSON, max_size=4))
def test_any_json_is_read_or_refused_by_item(items: list[Any]) -> None:
    document = json.loads(json.dumps({"items": items}))
    assert all(said.state in STATES for said in states_kubernetes.from_json(document, ["maint"]).said)
    assert all(run.start_ms > 0 for run in jobs_kubernetes.from_json(document).runs)
