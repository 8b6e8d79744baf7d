"""Whose process it is: cgroups, environments, parents."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.jobs import names as names_module
from clusterctl.agent.jobs.cgroup import Placed, placed_by
from clusterctl.agent.jobs.environ import claimed_by
from clusterctl.agent.jobs.marks import MarkSocket
from clusterctl.agent.jobs.names import UserNames
from clusterctl.agent.jobs.owner import Job, JobResolver
from clusterctl.agent.jobs.procfs import Procfs
from tests.support.clock import HandClock
from tests.support.fuzz_jobs import fuzz_cgroup, fuzz_environ
from tests.support.proc_tree import HERTZ, SLURM, Tree

HOOK = Path(__file__).resolve().parents[2] / "clusterctl" / "hook.py"
NOW_MS = 1_700_000_000_000
POD = "d1715d36-61cf-4060-8673-38ab3ca88e66"
POD_ = POD.replace("-", "_")
BOX = "022c4ffba65e5031285fd427553e56c3fd6cc85a3a49f3fa2825d0a258d8a5d6"
NODE = "aa" * 32


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW_MS)


# -- whose process ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0::/system.slice/slurmstepd.scope/job_123/step_0/user/task_0", Placed("slurm", "123", "")),
        ("0::/system.slice/gx10-ac12_slurmstepd.scope/job_12/step_batch/user/task_special", Placed("slurm", "12", "")),
        ("0::/system.slice/slurmstepd.scope/job_42/step_extern/user", Placed("slurm", "42", "")),
        ("0::/../slurmstepd.scope/job_9/step_0/user/task_0", Placed("slurm", "9", "")),
        ("11:devices:/slurm/uid_1000/job_123/step_0\n1:name=systemd:/x", Placed("slurm", "123", "")),
        ("9:cpuset:/\n4:memory:/slurm_node1/uid_2101171/job_280678/step_interactive/task_0", Placed("slurm", "280678", "")),
        ("0::/system.slice/slurmstepd.scope/system", Placed("none", "", "")),
        ("0::/system.slice/slurmstepd.scope/job_bad/step_0", Placed("none", "", "")),
        ("0::/user.slice/user-1000.slice/job_456/step_0", Placed("none", "", "")),
        ("0::/user.slice/notslurmstepd.scope/job_456/step_0", Placed("none", "", "")),
        (f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD_}.slice/cri-containerd-{BOX}.scope",
         Placed("kubernetes", POD, BOX)),
        (f"0::/kubepods.slice/kubepods-pod{POD_}.slice/crio-{BOX}.scope/container", Placed("kubernetes", POD, BOX)),
        (f"0::/kubepods.slice/kubepods-pod{POD_}.slice/crio-conmon-{BOX}.scope", Placed("kubernetes", POD, "")),
        (f"0::/kubepods/besteffort/pod{POD}/{BOX}", Placed("kubernetes", POD, BOX)),
        (f"5:devices:/kubepods/pod{POD}/{BOX}\n", Placed("kubernetes", POD, BOX)),
        (f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{'9' * 32}.slice/docker-{BOX}.scope",
         Placed("kubernetes", "9" * 32, BOX)),
        (f"9:cpuset:/kubepods-besteffort-pod{POD_}.slice:cri-containerd:{BOX}", Placed("kubernetes", POD, BOX)),
        (f"0::/system.slice/containerd.service/kubepods-pod{POD_}.slice:cri-containerd:{BOX}",
         Placed("kubernetes", POD, BOX)),
        (f"0::/docker/{NODE}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/"
         f"kubelet-kubepods-burstable-pod{POD_}.slice/cri-containerd-{BOX}.scope", Placed("kubernetes", POD, BOX)),
        (f"0::/docker/{NODE}/kubelet/kubepods/burstable/pod{POD}/{BOX}", Placed("kubernetes", POD, BOX)),
        (f"0::/../../kubepods-besteffort-pod{POD_}.slice/cri-containerd-{BOX}.scope", Placed("kubernetes", POD, BOX)),
        (f"0::/../../pod{POD}/{BOX}", Placed("kubernetes", POD, BOX)),
        (f"0::/../cri-containerd-{BOX}.scope", Placed("none", "", BOX)),
        (f"0::/system.slice/docker-{BOX}.scope", Placed("none", "", BOX)),
        ("0::/kubepods.slice/kubepods-burstable-podNOTAUUID.slice/x", Placed("none", "", "")),
        (f"0::/kubepods/burstable/pod{POD}/{BOX}/system.slice/slurmstepd.scope/job_5/step_0/user/task_0",
         Placed("slurm", "5", BOX)),
        ("0::/", Placed("none", "", "")),
        ("", Placed("none", "", "")),
    ],
)  # fmt: skip
def test_forms_of_cgroup_paths(text: str, expected: Placed) -> None:
    assert placed_by(text.encode()) == expected


CGROUP_PIECES = st.sampled_from(
    [b"/", b"0::", b"\n", b"slurm", b"uid_1", b"job_1", b"slurmstepd.scope", b"pod", POD.encode(), POD_.encode(), b"-",
     b".slice", b".scope", BOX.encode(), b"conmon-", b":", b"..", b"_", b"\xff"]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=2_000), st.lists(CGROUP_PIECES, max_size=40).map(b"".join)))
def test_fuzz_cgroups(data: bytes) -> None:
    fuzz_cgroup(data)


def test_hostile_cgroup_text_takes_no_time() -> None:
    began = time.monotonic()
    for piece in (b"_slurmstepd.scope", b"/slurm_", b"a" * 64, b"-pod" + b"0" * 32, b"/", b"x"):
        placed_by(piece * (65_536 // len(piece)))
    assert time.monotonic() - began < 5


@given(st.binary(max_size=2_000))
def test_fuzz_environments(data: bytes) -> None:
    fuzz_environ(data)
    fuzz_environ(b"A=1\0SLURM_JOB_ID=" + data + b"\0")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"PATH=/bin\0SLURM_JOB_ID=7\0SLURM_JOBID=8\0", ("slurm", "7")),
        (b"SLURM_JOB_ID=x\0SLURM_JOBID=8\0", ("slurm", "8")),
        (b"SLURM_JOB_ID=7; rm\0", ("none", "")),
        (b"XSLURM_JOB_ID=7\0", ("none", "")),
        (b"POD_UID=" + POD.encode(), ("kubernetes", POD)),
        (b"SLURM_JOB_ID=" + b"7" * 21, ("none", "")),
        (b"A=" + b"x" * 65_536 + b"\0SLURM_JOB_ID=7", ("none", "")),
    ],
)
def test_environments(data: bytes, expected: tuple[str, str]) -> None:
    assert claimed_by(data) == expected


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "proc")


def test_a_process_of_slurm(tree: Tree, clock: HandClock) -> None:
    tree.process(50, SLURM.format(7), start=200 * HERTZ)
    job = JobResolver(tree.root, clock).job_of(50)
    assert job == Job("7", "slurm", "54321", 1_600_000_200_000, "")


def test_a_process_may_have_any_name(tree: Tree, clock: HandClock) -> None:
    tree.process(50, SLURM.format(7), name="a) S 9 (b", start=3 * HERTZ)
    job = JobResolver(tree.root, clock).job_of(50)
    assert job is not None
    assert job.started_ms == 1_600_000_003_000


def test_the_environment_is_asked_when_the_cgroup_is_silent(tree: Tree, clock: HandClock) -> None:
    tree.process(50, environ=b"SLURM_JOB_ID=8\0")
    tree.process(51, SLURM.format(7), environ=b"SLURM_JOB_ID=8\0")
    resolver = JobResolver(tree.root, clock)
    assert [job.job_id for pid in (50, 51) if (job := resolver.job_of(pid))] == ["8", "7"]


@pytest.mark.parametrize(("levels", "expected"), [(1, "7"), (8, "7"), (9, "")])
def test_parents_are_asked_next_eight_of_them(tree: Tree, clock: HandClock, levels: int, expected: str) -> None:
    tree.process(100, SLURM.format(7))
    for level in range(1, levels + 1):
        tree.process(100 + level, parent=99 + level)
    job = JobResolver(tree.root, clock).job_of(100 + levels)
    assert job is not None
    assert (job.job_id, job.scheduler) == (expected, "slurm" if expected else "none")


def test_the_first_process_is_nobodys_parent(tree: Tree, clock: HandClock) -> None:
    """Everything descends from it, also what has left its job."""
    tree.process(1, SLURM.format(7), parent=0)
    tree.process(50, parent=1)
    job = JobResolver(tree.root, clock).job_of(50)
    assert job is not None
    assert job.scheduler == "none"


def test_a_circle_of_parents_ends(tree: Tree, clock: HandClock) -> None:
    tree.process(50, parent=51)
    tree.process(51, parent=50)
    assert JobResolver(tree.root, clock).job_of(50) == Job("", "none", "54321", 1_600_000_001_000, "")


@pytest.mark.parametrize("stat_text", ["", "50 (x", "50 (x) S", "50 (x) S a" + " 0" * 30, "\xff" * 100])
def test_a_process_that_cannot_be_read_is_unknown(tree: Tree, clock: HandClock, stat_text: str) -> None:
    tree.process(50, SLURM.format(7))
    (tree.root / "50" / "stat").write_text(stat_text, encoding="latin-1")
    resolver = JobResolver(tree.root, clock)
    assert resolver.job_of(50) is None
    assert [resolver.job_of(pid) for pid in (0, -1, 99)] == [None, None, None]


def test_no_time_of_boot_is_no_start(tree: Tree, clock: HandClock) -> None:
    (tree.root / "stat").write_text("btime soon\n")
    tree.process(50, SLURM.format(7))
    job = JobResolver(tree.root, clock).job_of(50)
    assert job is not None
    assert job.started_ms is None


def test_unreadable_files_are_survived(tree: Tree, clock: HandClock) -> None:
    tree.process(50)
    for name in ("environ", "cgroup", "status"):
        (tree.root / "50" / name).unlink()
        (tree.root / "50" / name).mkdir()  # reads with EISDIR: root has all permissions
    assert JobResolver(tree.root, clock).job_of(50) == Job("", "none", "", 1_600_000_001_000, "")


def test_a_pid_used_again_is_a_new_process(tree: Tree, clock: HandClock) -> None:
    tree.process(50, SLURM.format(7), start=100)
    resolver = JobResolver(tree.root, clock)
    assert resolver.job_of(50)
    tree.process(50, SLURM.format(8), start=900)
    clock.sleep_s(1)
    job = resolver.job_of(50)
    assert job is not None
    assert job.job_id == "8"


def test_a_process_is_asked_again_after_a_minute(tree: Tree, clock: HandClock) -> None:
    tree.process(50)
    resolver = JobResolver(tree.root, clock)
    found = []
    for _ in range(62):
        found.append(resolver.job_of(50))
        tree.process(50, SLURM.format(7))
        clock.sleep_s(1)
    ids = [job.job_id for job in found if job]
    assert ids == [""] * 60 + ["7"] * 2


def test_the_cache_is_bounded(tree: Tree, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clusterctl.agent.jobs.owner.MAX_CACHED", 3)
    resolver = JobResolver(tree.root, clock)
    for pid in range(50, 60):
        tree.process(pid, SLURM.format(7))
        resolver.job_of(pid)
    assert sorted(resolver._cache) == [57, 58, 59]


def test_this_very_process(clock: HandClock) -> None:
    job = JobResolver(Path("/proc"), clock).job_of(os.getpid())
    assert job is not None
    assert job.started_ms is not None
    assert 0 <= time.time() * 1000 - job.started_ms < 86_400_000
    assert job.owner == pwd.getpwuid(os.getuid()).pw_name


def test_the_time_of_boot_stands_behind_long_lines(tree: Tree) -> None:
    (tree.root / "stat").write_text("intr" + " 12345" * 50_000 + "\nbtime 1600000000\n")
    tree.process(50, start=HERTZ)
    procfs = Procfs(tree.root)
    found = procfs.stat(50)
    assert found is not None
    assert procfs.started_ms(found) == 1_600_000_001_000


def test_a_directory_service_that_hangs_costs_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()

    def slow(uid: int) -> str:
        answer.wait(30)
        return f"user{uid}"

    monkeypatch.setattr(names_module, "_lookup", slow)
    names = UserNames()
    began = time.monotonic()
    assert [names.name(uid) for uid in range(1000, 1200)] == [str(uid) for uid in range(1000, 1200)]
    assert time.monotonic() - began < 5
    assert threading.active_count() < 10
    answer.set()
    deadline = time.monotonic() + 10
    while names.name(1000) != "user1000" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert names.name(1000) == "user1000"


@pytest.fixture
def cgroup_root() -> Iterator[Path]:
    """A cgroup of our own in a mounted version 2 hierarchy."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    found = [Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"]
    if not found or not os.access(found[0], os.W_OK) or os.getuid() != 0:
        pytest.skip("needs root and a writable cgroup version 2 hierarchy")
    root = found[0] / f"clusterctl-test-{os.getpid()}"
    root.mkdir()
    yield root
    for directory, _, _ in os.walk(root, topdown=False):
        os.rmdir(directory)


def run_in(cgroup: Path, *command: str) -> subprocess.Popen[bytes]:
    """A process that waits for its input to end, in a cgroup of the real kernel."""
    cgroup.mkdir(parents=True)
    child = subprocess.Popen(["/bin/sh", "-c", 'read go; exec "$@"', "sh", *command], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)  # fmt: skip
    (cgroup / "cgroup.procs").write_text(str(child.pid))
    return child


SLURM_PLACE = "system.slice/node1_slurmstepd.scope/job_77/step_0/user/task_0"
POD_PLACE = f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{POD_}.slice/cri-containerd-{BOX}.scope"
AGENT_PLACE = f"kubepods.slice/kubepods-pod{'9' * 32}.slice/cri-containerd-{NODE}.scope"
ASK = (
    "import sys; from pathlib import Path; from clusterctl.agent.jobs.owner import JobResolver\n"
    "resolver = JobResolver(Path('/proc'))\n"
    "for pid in map(int, sys.argv[1:]): print(*(lambda j: (j.scheduler, j.job_id, j.container))(resolver.job_of(pid)))"
)


def test_the_kernel_itself_writes_what_we_read(cgroup_root: Path, clock: HandClock) -> None:
    """Real processes in real cgroups, seen from the node and from the cgroup namespace of another pod's container."""
    task, box = run_in(cgroup_root / SLURM_PLACE, "true"), run_in(cgroup_root / POD_PLACE, "true")
    pids = [str(task.pid), str(box.pid)]
    asker = run_in(cgroup_root / AGENT_PLACE, "unshare", "--cgroup", sys.executable, "-c", ASK, *pids)
    try:
        found = [JobResolver(Path("/proc"), clock).job_of(int(pid)) for pid in pids]
        inside, _ = asker.communicate(b"\n", timeout=30)
    finally:
        for child in (task, box, asker):
            child.communicate(timeout=10)
    assert [(job.scheduler, job.job_id, job.container) for job in found if job] == [
        ("slurm", "77", ""), ("kubernetes", POD, BOX),
    ]  # fmt: skip
    assert inside.decode().splitlines() == ["slurm 77 ", f"kubernetes {POD} {BOX}"]


def test_a_sender_in_a_pid_namespace_is_known_by_the_nodes_pid(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root for a pid namespace")
    listener = MarkSocket(tmp_path / "hook.sock")
    code = f"import os, sys; sys.path.insert(0, {str(HOOK.parent)!r}); import hook; hook.step(os.getpid())"
    done = subprocess.run(
        ["unshare", "--pid", "--fork", sys.executable, "-I", "-S", "-B", "-c", code], timeout=30, check=False,
        env={"CLUSTERCTL_HOOK_SOCKET": str(tmp_path / "hook.sock"), "PATH": os.environ.get("PATH", "")},
    )  # fmt: skip
    if done.returncode:
        listener.close()
        pytest.skip("may not make a pid namespace")
    (mark,) = listener.receive(10)
    listener.close()
    assert mark.claim.step == 1, "its own number, inside"
    assert mark.pid > 1


def test_names_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "MAX_NAMES", 3)
    monkeypatch.setattr(names_module, "_lookup", lambda uid: f"user{uid}")
    names = UserNames()
    assert [names.name(uid) for uid in range(5)] == [f"user{uid}" for uid in range(5)]
    assert sorted(names._known) == [2, 3, 4]


@pytest.mark.parametrize(("found", "expected"), [("ann", "ann"), ("", "7"), ("a\x1b[31m", "7"), ("x" * 100, "x" * 64)])
def test_names_are_short_and_plain(monkeypatch: pytest.MonkeyPatch, found: str, expected: str) -> None:
    record = pwd.struct_passwd((found, "", 7, 7, "", "", ""))
    monkeypatch.setattr(names_module.pwd, "getpwuid", lambda _uid: record)
    assert UserNames().name(7) == expected
