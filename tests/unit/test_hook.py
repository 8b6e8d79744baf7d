"""The hook in other people's jobs: it marks, and it never raises, blocks, prints or writes anywhere else."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.jobs.datagram import KINDS, Claim, parse_datagram

HOOK = Path(__file__).resolve().parents[2] / "clusterctl" / "hook.py"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SLURM_JOB_ID", "RANK", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLUSTERCTL_JOB_ID", "j1")
    found = tmp_path / "hook.sock"
    monkeypatch.setenv("CLUSTERCTL_HOOK_SOCKET", str(found))
    return found


@pytest.fixture
def agent(path: Path) -> Iterator[socket.socket]:
    with listening(path) as made:
        yield made


@pytest.fixture
def hook() -> Iterator[Any]:
    """A hook of its own for each test, as every process has."""
    made = load()
    yield made
    made._at_exit()


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hook_under_test", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def listening(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    made.bind(str(path))
    return made


def received(agent: socket.socket) -> Claim:
    claim = parse_datagram(agent.recv(1024))
    assert claim is not None
    return claim


def test_it_stands_alone() -> None:
    tree = ast.parse(HOOK.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names) | {"__future__"}
    ast.parse(HOOK.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_importing_it_imports_nothing_else_of_the_package() -> None:
    code = "import sys, clusterctl.hook; print(sorted(m for m in sys.modules if m.startswith('clusterctl')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOOK.parents[1],
        env={**os.environ, "PYTHONPATH": str(HOOK.parents[1])},
    )  # fmt: skip
    assert done.stdout.strip() == "['clusterctl', 'clusterctl.hook']"


def test_every_kind_arrives_with_its_numbers(hook: Any, agent: socket.socket) -> None:
    before_ns = time.time_ns()
    assert hook.step(7)
    assert hook.first_step(0)
    with hook.checkpoint(8) as saved:
        saved.size_bytes = 2**40
    claims = [received(agent) for _ in range(4)]
    assert [(c.kind, c.step, c.size_bytes) for c in claims] == [
        ("step", 7, None), ("first_step", 0, None), ("checkpoint_begin", 8, None), ("checkpoint_end", 8, 2**40),
    ]  # fmt: skip
    assert {(c.job_id, c.rank, c.dropped) for c in claims} == {("j1", 0, 0)}
    assert before_ns <= claims[0].wall_ns <= claims[3].wall_ns <= time.time_ns()
    assert claims[0].monotonic_ns <= claims[3].monotonic_ns <= time.monotonic_ns()


def test_a_save_that_fails_says_so_and_has_no_end(hook: Any, agent: socket.socket) -> None:
    with pytest.raises(RuntimeError, match="disk full"), hook.checkpoint(8):
        raise RuntimeError("disk full")
    with pytest.raises(RuntimeError, match="not there"), hook.restore(7):
        raise RuntimeError("not there")
    claims = [received(agent) for _ in range(3)]
    assert [(c.kind, c.step) for c in claims] == [
        ("checkpoint_begin", 8), ("checkpoint_failed", 8), ("restore_begin", 7),
    ]  # fmt: skip
    with pytest.raises(BlockingIOError):
        agent.recv(1024)


def test_the_agent_knows_every_kind_that_the_hook_marks(hook: Any, agent: socket.socket) -> None:
    assert set(hook.KINDS) == KINDS
    with hook.restore(3):
        assert hook.run_begin()
    assert hook.checkpoint_durable(4, 5)
    assert hook.data_begin()
    assert hook.data_end()
    kinds = [received(agent).kind for _ in range(6)]
    assert kinds == ["restore_begin", "run_begin", "restore_end", "checkpoint_durable", "data_begin", "data_end"]


@pytest.mark.parametrize(
    ("environment", "job_id", "rank"),
    [
        ({"SLURM_JOB_ID": "4711", "SLURM_PROCID": "3", "RANK": "27"}, "4711", 27),
        ({"SLURM_JOB_ID": "4711", "SLURM_PROCID": "3"}, "4711", 3),
        ({"POD_UID": "11111111-2222-3333-4444-555555555555", "OMPI_COMM_WORLD_RANK": "5"},
         "11111111-2222-3333-4444-555555555555", 5),
        ({"TORCHELASTIC_RUN_ID": "none", "KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "train-0"}, "train-0", 0),
        ({"TORCHELASTIC_RUN_ID": "run 7\n", "RANK": "²"}, "run_7_", 0),
        ({"RANK": "-1", "PMI_RANK": "99999999999"}, "", 0),
    ],
)  # fmt: skip
def test_job_and_rank_come_from_the_environment(
    hook: Any,
    agent: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    job_id: str,
    rank: int,
) -> None:
    for name in (*hook.JOB_VARIABLES, *hook.RANK_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    hook.step(1)
    claim = received(agent)
    assert (claim.job_id, claim.rank) == (job_id, rank)


def test_arguments_win(hook: Any, agent: socket.socket) -> None:
    hook.mark("step", 1, rank=9, job_id="mine")
    claim = received(agent)
    assert (claim.job_id, claim.rank) == ("mine", 9)


class Tensor:
    """A number that cannot be asked, such as one on a GPU that is gone."""

    def __index__(self) -> int:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


@given(
    kind=st.one_of(st.sampled_from(["step", "checkpoint_end"]), st.text(), st.none(), st.lists(st.integers())),
    numbers=st.lists(
        st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.builds(Tensor), st.just(10**5000)),
        min_size=3, max_size=3,
    ),
    job_id=st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.just(10**5000), st.just("x" * 10_000)),
)  # fmt: skip
def test_whatever_it_is_given_it_never_raises_and_what_it_sends_is_a_mark(
    kind: Any, numbers: list[Any], job_id: Any
) -> None:
    hook: Any = load()
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with near, far:
        far.setblocking(False)
        hook._Sender._connect = lambda _self: near
        if hook.mark(kind, numbers[0], numbers[1], rank=numbers[2], job_id=job_id):
            assert parse_datagram(far.recv(2048)) is not None


def test_without_an_agent_marks_are_dropped_and_the_count_arrives_later(hook: Any, path: Path) -> None:
    assert [hook.step(n) for n in range(5)] == [False] * 5
    with listening(path) as agent:
        assert not hook.step(5), "looks for the agent once a second only"
        hook._senders[os.getpid()]._tried_ns -= hook.RETRY_NS
        assert hook.step(6)
        assert received(agent).dropped == 6


def test_an_agent_that_was_restarted_loses_no_mark(hook: Any, path: Path) -> None:
    with listening(path):
        assert hook.step(1)
    path.unlink()
    hook._senders[os.getpid()]._tried_ns -= hook.RETRY_NS
    with listening(path) as again:
        assert hook.step(2)
        assert received(again).dropped == 0


def test_a_full_buffer_drops_at_once(hook: Any, agent: socket.socket) -> None:
    sent = [hook.step(n) for n in range(5_000)]
    assert sent[0]
    assert not sent[-1]
    assert received(agent).step == 0
    assert hook.step(5_000)
    last = None
    while last is None or last.step != 5_000:
        last = received(agent)
    assert last.dropped == sent.count(False)


def test_a_jobs_default_timeout_does_not_make_it_wait(hook: Any, agent: socket.socket) -> None:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(5)
    try:
        began = time.monotonic()
        while hook.step(1):
            pass
        assert time.monotonic() - began < 4
    finally:
        socket.setdefaulttimeout(before)


def _a_file(path: Path) -> None:
    path.write_text("")


def _a_directory(path: Path) -> None:
    path.mkdir()


def _a_stream(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        made.bind(str(path))


def _a_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("obstacle", [_a_file, _a_directory, _a_stream, _a_loop])
def test_what_is_no_socket_of_ours_is_no_agent(hook: Any, path: Path, obstacle: Any) -> None:
    obstacle(path)
    assert hook.step(1) is False
    assert hook.step(2) is False


@pytest.mark.parametrize("bad", ["/x" * 200, "relative/none", "\udcff"])
def test_impossible_paths(hook: Any, monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    monkeypatch.setenv("CLUSTERCTL_HOOK_SOCKET", bad)
    assert hook.step(1) is False


def test_a_socket_without_permission(path: Path) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import hook\n"
        "os.setuid(65534) if os.getuid() == 0 else None; print(hook.step(1))"
    )
    directory = path.parent / "alone"
    directory.mkdir()
    shutil.copy(HOOK, directory)
    with listening(path):
        path.chmod(0o600 if os.getuid() == 0 else 0)
        done = run_alone(directory, code, path)
    assert (done.stdout, done.stderr) == ("False\n", "")


def run_alone(directory: Path, code: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A Python without site, environment or user paths, and only the one file."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-X", "dev", "-W", "error", "-c", code, str(directory)],
        capture_output=True, text=True, timeout=30, cwd="/",
        env={"CLUSTERCTL_HOOK_SOCKET": str(path), "SLURM_JOB_ID": "77", "RANK": "2"},
    )  # fmt: skip


def test_a_descriptor_that_became_somebody_elses_is_left_alone(hook: Any, agent: socket.socket) -> None:
    """A job that closes all descriptors and opens its own connection under the same number."""
    assert hook.step(1)
    number = hook._senders[os.getpid()]._socket.fileno()
    near, far = socket.socketpair()
    with near, far:
        far.setblocking(False)
        os.dup2(near.fileno(), number)
        hook._senders[os.getpid()]._tried_ns -= hook.RETRY_NS
        assert hook.step(2), "found the agent again, over another descriptor"
        assert [received(agent).step for _ in range(2)] == [1, 2]
        with pytest.raises(BlockingIOError):
            far.recv(1024)
        os.fstat(number)  # and did not close it either
        os.close(number)


def test_a_closed_descriptor_is_opened_again(hook: Any, agent: socket.socket) -> None:
    assert hook.step(1)
    os.close(hook._senders[os.getpid()]._socket.fileno())
    assert not hook.step(2), "within the second"
    hook._senders[os.getpid()]._tried_ns -= hook.RETRY_NS
    assert hook.step(3)


def test_a_forked_child_has_a_sender_of_its_own(hook: Any, agent: socket.socket) -> None:
    assert hook.step(1)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with hook._senders[os.getpid()]._lock:
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)  # the child does not have it
    holder.start()
    held.wait(30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other tests may have left threads
        child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if hook.step(2) and list(hook._senders) == [os.getpid()] else 1)
    assert os.waitpid(child, 0)[1] == 0
    release.set()
    holder.join()
    assert hook.step(3), "the parent's socket lives on"
    assert [received(agent).step for _ in range(3)] == [1, 2, 3]


def test_a_signal_handler_may_mark_while_a_mark_is_under_way(hook: Any, path: Path) -> None:
    hook.step(1)
    with hook._senders[os.getpid()]._lock:  # where the signal interrupted it
        assert hook.step(2) is False
    assert hook._senders[os.getpid()].dropped == 2


def test_threads_count_every_drop(hook: Any, path: Path) -> None:
    threads = [threading.Thread(target=lambda: [hook.step(n) for n in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert hook._senders[os.getpid()].dropped == 4_000


def test_threads_that_mark_first_at_the_same_moment_lose_nothing(path: Path) -> None:
    sent: list[bool] = []
    with listening(path) as agent:
        for _ in range(50):
            hook: Any = load()
            gate = threading.Barrier(8)
            threads = [
                threading.Thread(target=lambda h=hook, g=gate: (g.wait(), sent.append(h.step(1)))) for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for _ in range(8):
                agent.recv(1024)
            hook._at_exit()
    assert sent == [True] * 400


def test_a_child_with_only_this_file_marks_and_prints_nothing(path: Path, agent: socket.socket) -> None:
    directory = path.parent / "alone"
    directory.mkdir()
    shutil.copy(HOOK, directory)
    done = run_alone(directory, "import sys; sys.path.insert(0, sys.argv[1])\nimport hook\nhook.step(5)", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    claim = received(agent)
    assert (claim.job_id, claim.rank, claim.step) == ("77", 2, 5)
