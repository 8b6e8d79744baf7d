"""A tree of /proc with processes of our own."""

from __future__ import annotations

import os
from pathlib import Path

SLURM = "0::/system.slice/slurmstepd.scope/job_{}/step_0/user/task_0\n"
HERTZ = os.sysconf("SC_CLK_TCK")


class Tree:
    """A procfs of plain files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        (root / "stat").write_text("cpu  1 2 3\nintr 5 0 0\nbtime 1600000000\nprocesses 9\n")

    def process(
        self, pid: int, cgroup: str = "0::/\n", *, parent: int = 1, start: int = 100, uid: int = 54_321,
        environ: bytes = b"", name: str = "python",
    ) -> None:  # fmt: skip
        directory = self.root / str(pid)
        directory.mkdir(exist_ok=True)
        middle = " ".join(["0"] * 17)
        (directory / "stat").write_text(f"{pid} ({name}) S {parent} {middle} {start} 0 0\n")
        (directory / "cgroup").write_text(cgroup)
        (directory / "environ").write_bytes(environ)
        (directory / "status").write_text(f"Name:\t{name}\nUid:\t{uid}\t0\t0\t0\n")

    def end(self, pid: int) -> None:
        for file in (self.root / str(pid)).iterdir():
            file.unlink()
        (self.root / str(pid)).rmdir()
