"""The command line as a child process, which is how people meet it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

TIMEOUT_S = 120.0


def unique_name() -> str:
    """A name that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}"


def embedded_env(folder: Path) -> dict[str, str]:
    """Environment of a clusterctl on the embedded defaults, with its data in `folder`."""
    return {
        "CLUSTERCTL_SITE_DATA_DIR": str(folder / "data"),
        "CLUSTERCTL_SITE_HOST": "node1",
        "CLUSTERCTL_AGENT_METRICS_LISTEN": "",
        "CLUSTERCTL_COLLECTOR_METRICS_LISTEN": "",
    }


def server_env(address: tuple[str, int], database: str) -> dict[str, str]:
    """A database of a ClickHouse server."""
    return {
        "CLUSTERCTL_STORE_KIND": "clickhouse",
        "CLUSTERCTL_STORE_HOST": address[0],
        "CLUSTERCTL_STORE_PORT": str(address[1]),
        "CLUSTERCTL_STORE_DATABASE": database,
    }


def _env(env: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLUSTERCTL_")}
    return {**kept, "COLUMNS": "140", **env}


def clusterctl(
    env: Mapping[str, str], *arguments: str, timeout_s: float = TIMEOUT_S
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "clusterctl.cli", *arguments]
    return subprocess.run(command, env=_env(env), capture_output=True, text=True, timeout=timeout_s, check=False)


def ok(env: Mapping[str, str], *arguments: str) -> str:
    """Run a command that must end with 0; what it printed."""
    done = clusterctl(env, *arguments)
    assert done.returncode == 0, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def report(env: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    """The JSON report, clusters by name."""
    done = clusterctl(env, "report", "--format", "json", *arguments)
    assert done.returncode in (0, 1, 2), done.stderr
    assert done.stdout, done.stderr
    made = json.loads(done.stdout)
    made["by_name"] = {cluster["name"]: cluster for cluster in made["clusters"]}
    return dict(made)


class Running:
    """A command that goes on until it is stopped; killed with the test at the latest. It prints into a file: a pipe that
    nobody reads would hold it up once it is full."""

    def __init__(self, env: Mapping[str, str], *arguments: str) -> None:
        command = [sys.executable, "-m", "clusterctl.cli", *arguments]
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process lives
        self._text = ""
        self.process = subprocess.Popen(command, env=_env(env), stdout=self._file, stderr=subprocess.STDOUT)

    def __enter__(self) -> Running:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        output = self.kill()
        if kind is not None:
            print(f"--- {' '.join(map(str, self.process.args))} ended with {self.process.returncode}\n{output}")

    def stop(self, timeout_s: float = 30.0) -> str:
        """SIGTERM, and what it printed. Fails if it does not end in time or not with 0."""
        wait_for(self._listens_to_sigterm, 30.0, 0.02)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=timeout_s)
        text = self._ended()
        assert self.process.returncode == 0, f"exit {self.process.returncode}: {text}"
        return text

    def _listens_to_sigterm(self) -> bool:
        """Whether it has come as far as installing its handler, or has ended already."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return True
        caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
        return self.process.poll() is not None or bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    def kill(self) -> str:
        """SIGKILL; what it had printed."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        return self._ended()

    def _ended(self) -> str:
        """Everything that it printed; the file is let go."""
        if not self._file.closed:
            self._file.seek(0)
            self._text = self._file.read().decode(errors="replace")
            self._file.close()
        return self._text


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0, every_s: float = 0.2) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every_s)
    return condition()
