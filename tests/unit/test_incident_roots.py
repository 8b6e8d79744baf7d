"""What fleets with known faults taught about roots: a switch's nodes, silences that are over, the deciding code, clocks."""

from __future__ import annotations

from clusterctl.analytics.incidents import Evidence, Gap, Incident, JobRun, NodeState, Rules, Signal, compute

AT, MINUTE, HOUR = 1_767_300_000_000, 60_000, 3_600_000
NODES = tuple(f"n{number}" for number in range(8))


def signal(node: str, at_ms: int, kind: str, code: str = "", *, element: str = "", device: str = "d") -> Signal:
    return Signal(node, device, kind, code, "fail", at_ms, at_ms, 1, source="kmsg", element=element)


def states(nodes: tuple[str, ...], out_ms: int, back_ms: int, reason: str) -> tuple[NodeState, ...]:
    return tuple(
        state
        for number, node in enumerate(nodes)
        for state in (
            NodeState(node, AT - 5 * HOUR, "in_service"),
            NodeState(node, out_ms + number * 10_000, "drained", reason=reason),
            NodeState(node, back_ms, "in_service"),
        )
    )


def found(evidence: Evidence) -> list[Incident]:
    return compute(evidence, Rules())


def test_what_idle_nodes_of_a_switch_show_is_the_switchs() -> None:
    """Half of the nodes have a job, all print their own link-down and are drained minutes later: one incident."""
    told = tuple(signal(node, AT, "ib_link", "link_down", element="S1") for node in NODES)
    own = tuple(signal(node, AT + 500, "ib_link", "link_down", device="0000:18:00.0") for node in NODES)
    timeouts = tuple(
        Signal(node, "", "collective_timeout", "", "warn", AT + 50_000, AT + 50_000, 1) for node in NODES[:4]
    )
    job = JobRun("1", "a", NODES[:4], 32, AT - HOUR, AT + MINUTE, "NODE_FAIL", 0)
    out = states(NODES, AT + 5 * MINUTE, AT + HOUR, "Not responding")
    (incident,) = found(Evidence("c", told + own + timeouts, out, (job,)))
    assert (incident.element, incident.incident_class, set(incident.nodes)) == ("S1", "network", set(NODES))
    assert incident.closed_by == "back_in_service"


def test_a_drain_an_hour_after_the_switch_is_another_matter() -> None:
    told = tuple(signal(node, AT, "ib_link", "link_down", element="S1") for node in NODES)
    out = states(NODES[:1], AT + HOUR, AT + 3 * HOUR, "fan")
    assert [(one.element, one.node) for one in found(Evidence("c", told, out))] == [("S1", ""), ("", "n0")]


def test_a_power_unit_is_a_matter_of_the_facility() -> None:
    told = tuple(signal(node, AT, "power_lost", element="P1") for node in NODES)
    (incident,) = found(Evidence("c", told, states(NODES, AT + 2 * MINUTE, AT + HOUR, "Not responding")))
    assert (incident.element, incident.incident_class, incident.impact) == ("P1", "facility", "fault")


def test_a_silence_that_is_over_does_not_take_the_next_fault() -> None:
    gap = Gap("n0", AT - 6 * HOUR, AT - 4 * HOUR)
    out = states(NODES[:1], AT + 5 * MINUTE, AT + HOUR, "gpu")
    incidents = found(Evidence("c", (signal("n0", AT, "xid", "79"),), out, gaps=(gap,)))
    assert [(one.first_ms, one.impact) for one in incidents] == [(gap.first_ms, "gap"), (AT, "fault")]


def test_a_fault_right_after_a_silence_is_the_same_trouble() -> None:
    gap = Gap("n0", AT - 2 * HOUR, AT - 10 * MINUTE)
    out = states(NODES[:1], AT + 5 * MINUTE, AT + HOUR, "gpu")
    (incident,) = found(Evidence("c", (signal("n0", AT, "xid", "79"),), out, gaps=(gap,)))
    assert incident.first_ms == gap.first_ms


def test_the_code_that_blames_by_itself_goes_before_one_that_needed_a_second_sign() -> None:
    signals = (signal("n0", AT, "xid", "119"), signal("n0", AT + 4 * MINUTE, "xid", "79"))
    (incident,) = found(Evidence("c", signals, states(NODES[:1], AT + 6 * MINUTE, AT + HOUR, "gpu")))
    assert (incident.judged.cause, incident.incident_class) == ("XID 79", "hardware")


def test_a_node_whose_clock_is_ahead_still_blames_its_gpu() -> None:
    """The same GPU under two owners' jobs, its lines stamped 40 s after each job had ended."""
    jobs = tuple(
        JobRun(name, name, ("n0",), 8, end - HOUR, end, "FAILED", 134)
        for name, end in (("a", AT), ("b", AT + 30 * HOUR))
    )
    signals = tuple(signal("n0", end + 40_000, "xid", "31", device="GPU-1") for end in (AT, AT + 30 * HOUR))
    assert [one.incident_class for one in found(Evidence("c", signals, jobs=jobs))] == ["hardware", "hardware"]


def test_a_job_that_ends_hours_into_a_silence_did_not_end_by_it() -> None:
    """The agent was dead, and the job ran on: a fault of another of its nodes is not taken back to when that began."""
    gap = Gap("n1", AT - 6 * HOUR, AT + 6 * HOUR)
    job = JobRun("1", "a", NODES[:2], 16, AT - 9 * HOUR, AT + MINUTE, "FAILED", 1)
    out = states(NODES[:1], AT + 5 * MINUTE, AT + HOUR, "gpu")
    silent, fault = found(Evidence("c", (signal("n0", AT, "xid", "79"),), out, (job,), (gap,)))
    assert (silent.first_ms, silent.impact, silent.jobs) == (gap.first_ms, "gap", ())
    assert (fault.first_ms, fault.node, [one.job_id for one in fault.jobs]) == (AT, "n0", ["1"])


def test_a_job_that_ends_as_a_node_falls_silent_did() -> None:
    gap = Gap("n1", AT - 2 * MINUTE, AT + 6 * HOUR)
    job = JobRun("1", "a", NODES[:2], 16, AT - 9 * HOUR, AT, "FAILED", 1)
    (incident,) = found(Evidence("c", (), states(NODES[:1], AT + 9 * HOUR, AT + 10 * HOUR, "")[:1], (job,), (gap,)))
    assert (incident.node, incident.impact, incident.judged.cause) == ("n1", "fault", "NODE SILENT")
