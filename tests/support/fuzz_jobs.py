"""Entry points for fuzzing what jobs and processes can write: each takes any bytes and checks what is promised."""

from __future__ import annotations

from clusterctl.agent.jobs.cgroup import placed_by
from clusterctl.agent.jobs.datagram import KINDS, MAX_BYTES, MAX_RANK, parse_datagram
from clusterctl.agent.jobs.environ import claimed_by
from clusterctl.agent.jobs.marks import Mark
from clusterctl.agent.jobs.steps import MarkBook
from clusterctl.schema import JOB_MARK
from clusterctl.wire import decode, encode
from tests.support.clock import HandClock


def fuzz_mark(data: bytes) -> None:
    """A datagram is refused, or becomes a row that every collector accepts."""
    claim = parse_datagram(data)
    if claim is None:
        return
    assert len(data) <= MAX_BYTES
    assert claim.kind in KINDS
    assert claim.rank <= MAX_RANK
    assert claim.job_id.isprintable()
    assert claim.job_id.isascii()
    book = MarkBook(HandClock())
    book.take([Mark(claim, 1, 1, 1_700_000_000_000)] * 2)
    rows = book.flush()
    assert rows
    decode(encode(JOB_MARK, rows, cluster="c", host="h", boot_id="b", seq=1, sent_ms=1))


def fuzz_cgroup(data: bytes) -> None:
    """Any text places a process somewhere, by short plain words."""
    placed = placed_by(data)
    assert placed.scheduler in {"slurm", "kubernetes", "none"}
    assert (placed.scheduler == "none") == (not placed.job_id)
    assert set(placed.job_id + placed.container) <= set("0123456789abcdef-")
    assert len(placed.job_id) <= 36
    assert len(placed.container) in {0, 64}


def fuzz_environ(data: bytes) -> None:
    """An environment names a job in the right form, or none."""
    scheduler, job_id = claimed_by(data)
    assert scheduler in {"slurm", "kubernetes", "none"}
    assert set(job_id) <= set("0123456789abcdef-")
    assert len(job_id) <= 36
