"""Marks without Python: `clusterctl mark` in a script, and the C code of the documentation."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusterctl.agent.jobs.datagram import Claim, parse_datagram

HOOK = Path(__file__).resolve().parents[2] / "clusterctl" / "hook.py"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SLURM_JOB_ID", "RANK", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLUSTERCTL_JOB_ID", "j1")
    return tmp_path / "hook.sock"


@pytest.fixture
def agent(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as made:
        made.bind(str(path))
        yield made


def received(agent: socket.socket) -> Claim:
    claim = parse_datagram(agent.recv(1024))
    assert claim is not None
    return claim


def cli(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clusterctl.cli", "mark", *arguments], capture_output=True, text=True, timeout=60,
        env={**os.environ, "CLUSTERCTL_HOOK_SOCKET": str(path), "PYTHONPATH": str(HOOK.parents[1])},
    )  # fmt: skip


def test_the_command_line_marks(path: Path, agent: socket.socket) -> None:
    for arguments, expected in [
        (["step", "5", "--rank", "3", "--job", "k"], ("step", 5, None, 3, "k")),
        (["first-step"], ("first_step", None, None, 0, "j1")),
        (["checkpoint-begin", "--step", "5"], ("checkpoint_begin", 5, None, 0, "j1")),
        (["checkpoint-end", "--step", "5", "--bytes", "9"], ("checkpoint_end", 5, 9, 0, "j1")),
        (["checkpoint-durable", "--step", "5", "--bytes", "9"], ("checkpoint_durable", 5, 9, 0, "j1")),
        (["restore-end", "--step", "4"], ("restore_end", 4, None, 0, "j1")),
    ]:
        done = cli(*arguments, path=path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        claim = received(agent)
        assert (claim.kind, claim.step, claim.size_bytes, claim.rank, claim.job_id) == expected


def test_the_command_line_says_when_nobody_listens(path: Path) -> None:
    done = cli("step", "5", path=path)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(path) in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_documented_c_code_marks(path: Path, agent: socket.socket) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    page = (HOOK.parents[1] / "docs" / "job-hook.md").read_text(encoding="utf-8")
    code = page.split("```c\n")[1].split("```")[0]
    code += """
    int main(int argc, char **argv) {
        int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        return argc < 2 || mark_step(sock, argv[1], 7, 18446744073709551615ULL, "c-job");
    }
    """
    (path.parent / "mark.c").write_text(code)
    program = path.parent / "mark"
    subprocess.run(
        [compiler, "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-o", program, path.parent / "mark.c"], check=True
    )
    subprocess.run([program, path], check=True, timeout=10)
    claim = received(agent)
    assert (claim.kind, claim.rank, claim.step, claim.job_id) == ("step", 7, 2**64 - 1, "c-job")
    assert abs(claim.wall_ns - time.time_ns()) < 60 * 10**9
