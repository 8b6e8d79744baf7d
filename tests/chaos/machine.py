"""What a node's machine can do to an agent or a collector: a wall clock that is set, a disk that fills up."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

from tests.support.fake_nvml import compiler

SOURCE = Path(__file__).with_name("clock_shim.c")
FLAGS = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
DISK_MIB = 8


def build_clock(folder: Path) -> Path | None:
    """The library that moves a clock; None without a C compiler, and then no clock is moved."""
    command = compiler()
    if command is None:
        return None
    library = folder / "clock_shim.so"
    subprocess.run([command, *FLAGS, "-o", str(library), str(SOURCE), "-ldl"], check=True, capture_output=True)
    return library


class MovedClock:
    """The wall clock of one process. `env` is what it must be started with."""

    def __init__(self, path: Path, library: Path | None) -> None:
        self._path = path
        self.can_move = library is not None
        self.moved = False
        """Whether it ever was."""
        self.env = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(path)} if library else {}
        self._write(0)

    def set_ms(self, offset_ms: int) -> None:
        """So far from the true time, from now on."""
        self.moved = True
        self._write(offset_ms)

    def _write(self, offset_ms: int) -> None:
        with self._path.open("r+b" if self._path.exists() else "w+b") as file:
            file.write(struct.pack("<q", offset_ms))


class SmallDisk:
    """A file system of a few megabytes at `folder`, where we may mount one; a plain folder otherwise."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        mount = shutil.which("mount") or "mount"
        command = [mount, "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", str(folder)]
        self.mounted = os.geteuid() == 0 and not subprocess.run(command, capture_output=True, check=False).returncode

    def fill(self) -> None:
        """To the last byte."""
        with (self.folder / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4_096):
                    pass
            except OSError:
                return  # full, which was the purpose

    def clear(self) -> None:
        """Room again."""
        (self.folder / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)
            self.mounted = False
