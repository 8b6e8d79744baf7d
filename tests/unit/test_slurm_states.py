"""Node states as every version of Slurm writes them, and as nobody should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.analytics.imports import states_slurm
from clusterctl.analytics.imports.node_words import SLURM, STATES, meaning, slurm_words

PLANNED_REASONS = ["maint", "planned"]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("idle", "in_service"),
        ("IDLE+PLANNED", "in_service"),  # the backfill has plans for it
        (["ALLOCATED"], "in_service"),
        (["MIXED", "DRAIN"], "in_service"),  # a job still runs there
        ("draining", "in_service"),
        (["IDLE", "DRAIN"], "drained"),
        ("drained", "drained"),
        ("down*", "repair"),
        ("DOWN+DRAIN", "repair"),
        ("idle*", "unknown"),
        (["IDLE", "NOT_RESPONDING"], "unknown"),
        (["ALLOCATED", "NOT_RESPONDING"], "unknown"),
        ("maint", "planned"),
        ("drained$", "planned"),
        (["DOWN", "MAINTENANCE", "RESERVED"], "planned"),
        ("reserved", "in_service"),
        ("idle~", "planned"),  # switched off to save power
        ("FAIL", "repair"),
        ("inval", "repair"),
        ("UNKNOWN", "unknown"),
        ("idle@", "in_service"),
        ("idle^", "drained"),
        ("completing", "in_service"),
        ("blocked", "drained"),
        ("wedged", None),
    ],
)
def test_the_meaning_of_a_state(said: str | list[str], state: str | None) -> None:
    assert meaning(SLURM, set(slurm_words(said))) == state


def one(entry: dict[str, Any], under: str = "nodes") -> states_slurm.Said:
    (said,) = states_slurm.from_json({under: [entry]}, PLANNED_REASONS).said
    return said


def test_scontrol_of_several_data_parsers() -> None:
    new = one(
        {
            "name": "gpu001", "state": ["IDLE", "DRAIN"], "reason": "XID 79 on GPU 3", "reason_set_by_user": "root",
            "reason_changed_at": {"set": True, "infinite": False, "number": 1_772_000_000}, "gres": "gpu:h100:8(S:0-1)",
        }
    )  # fmt: skip
    assert (new.host, new.state, new.raw_state, new.reason, new.said_by) == (
        "gpu001", "drained", "IDLE+DRAIN", "XID 79 on GPU 3", "root",
    )  # fmt: skip
    assert (new.gpus, new.since_ms) == (8, 1_772_000_000_000)
    old = one(
        {"name": "gpu001", "state": "idle", "state_flags": ["DRAIN"], "reason": "bad DIMM [root@2026-03-01T10:00:00]"}
    )
    assert (old.state, old.said_by, old.gpus, old.since_ms) == ("drained", "root", None, None)


def test_sinfo_lists_many_nodes_in_one_entry() -> None:
    entry = {
        "node": {"state": ["DOWN"]}, "nodes": {"nodes": ["gpu001", "gpu002"]}, "gres": {"total": "gpu:4,nic:2"},
        "reason": {"description": "no power", "time": 0, "user": "ops"},
    }  # fmt: skip
    listing = states_slurm.from_json({"sinfo": [entry, {"node": {}}]}, PLANNED_REASONS)
    assert [(said.host, said.state, said.gpus, said.said_by) for said in listing.said] == [
        ("gpu001", "repair", 4, "ops"),
        ("gpu002", "repair", 4, "ops"),
    ]
    assert listing.rejected[0].reason == "entry 2: names no node"


def test_plain_sinfo_with_its_exact_error_lines() -> None:
    text = "n[1-2]|idle|none|Unknown|gpu:8\nn3|drained|Maintenance: disk|2026-03-01T10:00:00|gpu:8\nnonsense\nn4|wedged|a|b\n"
    listing = states_slurm.from_lines(text, PLANNED_REASONS)
    assert [(said.host, said.state, said.reason, said.gpus) for said in listing.said] == [
        ("n1", "in_service", "", 8),
        ("n2", "in_service", "", 8),
        ("n3", "planned", "Maintenance: disk", 8),
        ("n4", "unknown", "a", None),
    ]
    assert [(wrong.line, wrong.reason) for wrong in listing.rejected] == [
        (3, "no state: expected NODE|STATE|REASON|TIME"),
        (4, "n4: state 'WEDGED' is not known"),
    ]


@pytest.mark.parametrize(
    ("gres", "gpus"),
    [
        ("gpu:8", 8),
        ("gpu:h100:8(S:0-1)", 8),
        ("gpu:a100:4,gpu:h100:4", 8),
        ("nic:2", None),
        ("", None),
        ("gpu:h100:8(IDX:0-7)", 8),
    ],
)
def test_gpus_of_a_node(gres: str, gpus: int | None) -> None:
    assert states_slurm.gpus_of(gres) == gpus


HOSTILE = st.text(st.sampled_from("an[]+|-,*$1@: \x00\x1b\u202eé\U0001f600"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | HOSTILE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "state", "reason", "gres", "nodes", "node", "number", "set", "total"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["nodes", "sinfo"]), st.lists(JSON, max_size=4)))
def test_any_json_gives_states_that_can_be_stored(document: dict[str, Any]) -> None:
    listing = states_slurm.from_json(json.loads(json.dumps(document)), PLANNED_REASONS)
    for said in listing.said:
        assert said.state in STATES
        assert 0 < len(said.host) <= 200
        assert len(said.raw_state) <= 200
        assert len(said.reason) <= 1_000


@given(st.lists(HOSTILE, max_size=12).map("\n".join))
def test_any_text_gives_states_or_numbered_faults(text: str) -> None:
    listing = states_slurm.from_lines(text, PLANNED_REASONS)
    assert all(said.host.isprintable() and said.state in STATES for said in listing.said)
    assert all(1 <= wrong.line <= len(text.splitlines()) for wrong in listing.rejected)
