"""Start the job of `torch_job.py` on two ranks, as torchrun does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HOOKS = ("hook.py", "hook_profile.py", "hook_capture.py", "hook_reduce.py")
TIMEOUT_S = 280


def run_job(python: Path, into: Path, *, steps: int, every: int, wait: bool, size: int = 192, layers: int = 4,
            copied_to: Path | None = None) -> tuple[list[dict[str, Any]], str]:  # fmt: skip
    """What each rank said, by rank, and what stood on standard error. With `copied_to` the hook is three files in a folder
    and clusterctl is nowhere to be found."""
    script = HERE / "torch_job.py"
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if copied_to is None:
        kept["PYTHONPATH"] = str(ROOT)
    else:
        script = Path(shutil.copy(script, copied_to))
        for name in HOOKS:
            shutil.copy(ROOT / "clusterctl" / name, copied_to)
    command = [
        str(python), "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script), str(into),
        str(steps), str(every), str(int(wait)), str(size), str(layers),
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, cwd=into,
        env={**kept, "CLUSTERCTL_JOB_ID": "j/1", "OMP_NUM_THREADS": "1", "KINETO_LOG_LEVEL": "99"},
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the job failed:\n{done.stdout}\n{done.stderr}")
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return sorted(told, key=lambda one: int(one["rank"])), done.stderr
