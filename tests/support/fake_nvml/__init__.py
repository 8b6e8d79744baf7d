"""A libnvidia-ml.so.1 of our own, compiled here and driven by a scenario file; the real pynvml loads it. See README.md."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parent
LIBRARY = "libnvidia-ml.so.1"
FLAGS = ["-shared", "-fPIC", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-pthread"]
LINK = f"-Wl,-Bsymbolic,-soname,{LIBRARY}"
"""Bound to itself: the Python that loads it may have a function of the same name."""
_built: set[Path] = set()


def compiler() -> str | None:
    """The C compiler of this machine; None where there is none, and tests that need one skip."""
    return shutil.which("cc") or shutil.which("gcc")


def build(folder: Path, *, old_driver: bool = False) -> Path:
    """The folder, with the library in it; once for each folder in a process. Raises RuntimeError with the compiler's words.

    With `old_driver` the library lacks what drivers before 535 lacked.
    """
    if folder in _built:
        return folder
    command = compiler()
    if command is None:
        raise RuntimeError("no C compiler to build the fake NVML with")
    defines = ["-DOLD_DRIVER"] if old_driver else []
    sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [command, *FLAGS, LINK, *defines, "-o", str(folder / LIBRARY), *sources],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the fake NVML does not compile:\n{done.stderr}")
    _built.add(folder)
    return folder


class FakeNvml:
    """One library and its scenario. A process that gets `env` when it starts sees the GPUs that were said here."""

    def __init__(self, folder: Path, *, old_driver: bool = False, scenario: Path | None = None) -> None:
        self.folder = build(folder, old_driver=old_driver)
        self.path = scenario or folder / "scenario"
        self._lines: list[str] = []

    @property
    def env(self) -> dict[str, str]:
        """What the process needs in its environment: the loader reads it only at the start."""
        return {"LD_LIBRARY_PATH": str(self.folder), "FAKE_NVML_SCENARIO": str(self.path)}

    def say(self, *lines: str) -> None:
        """Replace the scenario; running processes see it whole, within 10 ms of their next call."""
        self._lines = list(lines)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_text("".join(f"{line}\n" for line in self._lines), encoding="ascii")
        os.replace(fresh, self.path)

    def add(self, *lines: str) -> None:
        """Say all that was said before, and these lines."""
        self.say(*self._lines, *lines)

    def probe(self, script: str, *, init: bool = True) -> Any:
        """What a short script leaves in `out`, run in a child process with the names of probe.py; `init` opens NVML first."""
        command = [sys.executable, "-m", f"{__name__}.probe", script, *([] if init else ["closed"])]
        environment = {**os.environ, **self.env}
        done = subprocess.run(
            command, env=environment, cwd=SOURCES.parents[2], capture_output=True, text=True, check=False, timeout=30
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)
