"""The hook's files copied into a job that has nothing else of this package: they work, and what is missing is told."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clusterctl import hook, hook_profile

FOLDER = Path(hook.__file__).parent


def test_the_hook_does_not_load_it_before_it_is_asked_for() -> None:
    code = "import sys, clusterctl.hook; print([m for m in sys.modules if 'hook_' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parent)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("names", "off"),
    [(["hook.py"], "ModuleNotFoundError: No module named 'hook_profile'"),
     (["hook.py", "hook_profile.py", "hook_capture.py", "hook_reduce.py"],
      "ImportError: PyTorch is not loaded in this process")],
)  # fmt: skip
def test_copied_files_work_and_a_missing_one_is_told(tmp_path: Path, names: list[str], off: str) -> None:
    for name in names:
        shutil.copy(FOLDER / name, tmp_path)
    code = (
        "import hook\nwith hook.profile('out', every_steps=16) as p:\n"
        "  [p.step(n) for n in range(40)]\nprint(p.off)\n"
        "q = hook.profile('out', unknown=1)\nq.step(); q.cancel(); print(q.off)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first == off
    assert second
    assert hook_profile.LEARN_STEPS < 16


FAKE_JOB = """
import sys, types
from types import SimpleNamespace as Has
class Profiler:
    def __init__(self, schedule): pass
    def __enter__(self): torch.on = True
    def step(self): pass
    def export_chrome_trace(self, path):
        with open(path, "w") as file: file.write('{"traceEvents": []}')
    def __exit__(self, *told): torch.on = False
kind = type("profile", (), {"_prepare_trace": lambda one: None, "__exit__": lambda one, *told: None})
torch = sys.modules["torch"] = types.ModuleType("torch")
torch.on = False
torch.profiler = Has(ProfilerAction=Has(NONE=0, WARMUP=1, RECORD=2, RECORD_AND_SAVE=3), profile=Profiler)
torch.autograd = Has(_profiler_enabled=lambda: torch.on, profiler=Has(profile=kind))
import hook
profile = hook.profile("out", every_steps=16, max_overhead=1e9, job_id="j")
for number in range(1, 40): profile.step(number)
print(profile.off, profile.counts["profiled"])
"""


def test_a_job_with_copied_files_leaves_its_trace_and_ends_without_a_word(tmp_path: Path) -> None:
    for name in ("hook.py", "hook_profile.py", "hook_capture.py", "hook_reduce.py"):
        shutil.copy(FOLDER / name, tmp_path)
    command = [sys.executable, "-W", "error", "-c", FAKE_JOB]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in (" 1\n", " 2\n"), "the second window may find the first trace read"
    until_s = time.monotonic() + 30
    while time.monotonic() < until_s and not list((tmp_path / "out").glob("j.rank0.step17.pt.trace.json.gz")):
        time.sleep(0.02)
    assert list((tmp_path / "out").glob("j.rank0.step17.pt.trace.json.gz"))
