"""Node states from Kubernetes: `kubectl get nodes -o json`."""

from __future__ import annotations

from typing import Any

from clusterctl.analytics.imports.json_file import at, listed, text
from clusterctl.analytics.imports.node_said import MAX_REASON, Listing, Said, checked_name
from clusterctl.analytics.imports.node_words import KUBERNETES, UNKNOWN, meaning
from clusterctl.analytics.imports.table import Rejected

GPU_RESOURCES = ("nvidia.com/gpu", "amd.com/gpu")
EXPECTED_TRUE = {"Ready"}
"""Conditions that are good when true; of all others True means trouble, a node-problem-detector's included."""


def from_json(document: dict[str, Any], planned_reasons: list[str]) -> Listing:
    """Nodes of a list, or the one node that the document is."""
    listing = Listing("kubernetes")
    items = listed(document.get("items")) or ([document] if document.get("kind") == "Node" else [])
    for index, item in enumerate(items):
        host = checked_name(text(at(item, "metadata", "name"), 300))
        if host is None:
            listing.rejected.append(Rejected(index + 1, f"item {index + 1} has no usable name"))
            continue
        words, reasons = _words(item)
        announced = any(word.lower() in key.lower() for key in words for word in planned_reasons if word)
        said = {*words, *(["maintenance"] if announced else [])}
        listing.said.append(
            Said(
                host,
                meaning(KUBERNETES, said) or UNKNOWN,
                "+".join(words)[:200],
                "; ".join(reasons)[:MAX_REASON],
                gpus=gpus_of(at(item, "status", "capacity")),
            )
        )
    return listing


def gpus_of(resources: object) -> int | None:
    """GPUs of a map of resources; None if it names none."""
    counts = [int(value) for name in GPU_RESOURCES if _is_count(value := str(at(resources, name) or ""))]
    return min(sum(counts), 65_535) if counts else None


def _is_count(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 5


def _words(item: object) -> tuple[list[str], list[str]]:
    """The words of the table, the gravest first, and what the node's conditions say in their own."""
    words, reasons, ready = [], [], "Ready=missing"
    for condition in listed(at(item, "status", "conditions"))[:64]:
        kind, status = text(at(condition, "type"), 100), text(at(condition, "status"), 16)
        if kind == "Ready":
            ready = f"Ready={status}"
        if status not in ("True" if kind in EXPECTED_TRUE else "False", ""):
            words += [] if kind == "Ready" else [f"{kind}={status}"]
            why = text(at(condition, "message"), 300) or text(at(condition, "reason"), 100)
            reasons.append(f"{kind}: {why}")
    taints = [text(at(taint, "key"), 100) for taint in listed(at(item, "spec", "taints"))[:64]]
    cordon = ["unschedulable"] if at(item, "spec", "unschedulable") is True else []
    return [ready, *cordon, *filter(None, taints), *words], reasons
