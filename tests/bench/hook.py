"""What a mark costs the job that makes it: with an agent that reads, without one, and with one that has stopped reading;
and what it costs the agent to read it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from clusterctl import hook
from clusterctl.agent.jobs.marks import MarkSocket
from clusterctl.agent.jobs.owner import JobResolver
from clusterctl.agent.jobs.steps import MarkBook
from clusterctl.clock import SystemClock

CALLS = 100_000
BUDGET_US = 50.0
LOOKS = 2_000


READER = """
import socket, sys
made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
made.bind(sys.argv[1])
print("ready", flush=True)
while made.recv(1024) != b"end":
    pass
"""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """A process that takes everything at once, as an agent does."""
    with subprocess.Popen([sys.executable, "-c", READER, str(path)], stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        yield
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
            made.sendto(b"end", str(path))


@contextlib.contextmanager
def stuck(path: Path) -> Iterator[None]:
    """A socket whose queue is full for good."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(path))
        while hook.step(0):
            pass
        yield


def measure(name: str) -> None:
    clock = time.perf_counter_ns
    spent_ns = []
    taken = 0
    for number in range(CALLS):
        began_ns = clock()
        taken += hook.step(number)
        spent_ns.append(clock() - began_ns)
    spent_ns.sort()
    p50_us, p99_us = spent_ns[CALLS // 2] / 1e3, spent_ns[CALLS * 99 // 100] / 1e3
    verdict = "within" if p99_us <= BUDGET_US else "ABOVE"
    print(f"mark, {name}: p50 {p50_us:.1f} µs, p99 {p99_us:.1f} µs, {taken / CALLS:.0%} taken "
          f"(budget {BUDGET_US:.0f} µs: {verdict})")  # fmt: skip


def forget() -> None:
    """As a new process."""
    for sender in hook._senders.values():
        sender.close()
    hook._senders.clear()


def agent_side(path: Path) -> None:
    listener = MarkSocket(path)
    clock = SystemClock()
    resolver = JobResolver(Path("/proc"))
    book = MarkBook(clock, resolver.job_of)
    spent_ns = 0
    for number in range(LOOKS):
        hook.step(number)
        began_ns = time.perf_counter_ns()
        book.take(listener.receive(100))
        spent_ns += time.perf_counter_ns() - began_ns
    listener.close()
    pid = os.getpid()
    began_ns = time.perf_counter_ns()
    for _ in range(LOOKS):
        resolver._cache[pid].seen_s = 0.0  # as one second later
        resolver.job_of(pid)
    look_us = (time.perf_counter_ns() - began_ns) / LOOKS / 1e3
    print(
        f"agent: {spent_ns / LOOKS / 1e3:.1f} µs a mark, {look_us:.1f} µs a GPU process and second (no budget of its own)"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "hook.sock"
        os.environ["CLUSTERCTL_HOOK_SOCKET"] = str(path)
        for name, listening in (("agent reads", reading), ("agent stuck", stuck), ("no agent", contextlib.nullcontext)):
            forget()
            path.unlink(missing_ok=True)
            with listening(path):  # type: ignore[operator]
                measure(name)
        forget()
        agent_side(path)
        forget()
        del os.environ["CLUSTERCTL_HOOK_SOCKET"]


if __name__ == "__main__":
    main()
