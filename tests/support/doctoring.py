"""Findings of the doctor, and messages for it to find."""

from __future__ import annotations

from collections.abc import Sequence

from clusterctl.bus import Message, open_bus, topic_of
from clusterctl.clock import SystemClock
from clusterctl.config import Config
from clusterctl.doctor.checks import CHECKS
from clusterctl.doctor.finding import Finding
from clusterctl.doctor.patient import Patient
from clusterctl.doctor.run import examine
from clusterctl.errors import BusError
from clusterctl.schema import Lane
from clusterctl.schema.verdict import State
from tests.support.wirehelp import host_batch, now_ms

BROKER = ("broker", "topics", "replicas of topics", "collectors", "lag", "promised blocks", "arrival", "dead letters")
STORE = ("store", "rights", "schema", "deduplication", "parts", "background work", "replicas of tables", "retention",
         "disks", "memory", "freshness", "hosts", "batches lost", "clock of the server", "clocks of agents")  # fmt: skip


class Shifted(SystemClock):
    """This machine's clock, wrong by so much; waits are cut short."""

    def __init__(self, shift_s: float = 0.0) -> None:
        self._shift_ms = int(shift_s * 1_000)

    def now_ms(self) -> int:
        return super().now_ms() + self._shift_ms

    def sleep_s(self, seconds: float) -> None:
        super().sleep_s(min(seconds, 0.2))


def examined(config: Config, *names: str, shift_s: float = 0.0) -> dict[str, list[Finding]]:
    """Findings of the named checks, by check."""
    patient = Patient(config, clock=Shifted(shift_s))
    found: dict[str, list[Finding]] = {}
    for finding in examine(patient, [check for check in CHECKS if check.name in names], lambda _t, _d: None).findings:
        found.setdefault(finding.check, []).append(finding)
    patient.close()
    return found


def by_subject(findings: Sequence[Finding]) -> dict[str, Finding]:
    return {finding.subject: finding for finding in findings}


def states(findings: Sequence[Finding]) -> set[State]:
    return {finding.state for finding in findings}


def send(config: Config, *messages: Message) -> None:
    """Deliver messages; all acknowledged when it returns."""
    errors: list[BusError | None] = []
    producer = open_bus(config).producer()
    for message in messages:
        producer.send(message, errors.append)
    producer.close(10.0)
    assert errors == [None] * len(messages)


def batch(config: Config, host: str, seq: int, ts: int | None = None) -> Message:
    value = host_batch(host, seq, now_ms() if ts is None else ts)
    return Message(topic_of(Lane.SAMPLES, config), host.encode(), value)
