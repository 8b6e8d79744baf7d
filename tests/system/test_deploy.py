"""The files of deploy/ are accepted by the programs that read them."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from clusterctl.config import ENV_FILE, knobs, load

ROOT = Path(__file__).resolve().parents[2]
EXPOSURE = {"agent": 2.6, "collector": 1.1, "comm-watch": 0.8}
"""What systemd-analyze security says, as docs/deployment.md prints it."""
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")


def with_our_binary(unit: Path, folder: Path) -> Path:
    """A copy whose program exists here: verify looks for it."""
    copy = folder / unit.name
    text = unit.read_text(encoding="utf-8").replace("/usr/local/bin/clusterctl", "/bin/true")
    copy.write_text(text, encoding="utf-8")
    return copy


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    command = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(with_our_binary(unit, tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if unit.name in line]
    assert not ours, done.stderr


@needs_systemd
@pytest.mark.parametrize("name", EXPOSURE)
def test_the_sandbox_is_as_tight_as_the_page_says(name: str, tmp_path: Path) -> None:
    copy = with_our_binary(ROOT / "deploy" / "systemd" / f"clusterctl-{name}.service", tmp_path)
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    verdict = [line for line in done.stdout.splitlines() if "Overall exposure level" in line]
    assert verdict, done.stdout + done.stderr
    level = float(verdict[0].split(":")[1].split()[0])
    assert level <= EXPOSURE[name], done.stdout
    assert f"**{EXPOSURE[name]}**" in (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")


def settings(name: str) -> dict[str, list[str]]:
    """Every value of every setting of a unit."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "deploy" / "systemd" / f"clusterctl-{name}.service").read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def test_the_agent_has_one_capability_and_no_root() -> None:
    unit = settings("agent")
    assert unit["User"] == unit["Group"] == ["clusterctl"]
    assert unit["CapabilityBoundingSet"] == unit["AmbientCapabilities"] == ["CAP_SYSLOG"]
    assert unit["NoNewPrivileges"] == ["yes"]
    assert unit["DevicePolicy"] == ["closed"]
    assert [entry for entry in unit["DeviceAllow"] if "nvidia" not in entry] == ["/dev/kmsg r"]
    collector = settings("collector")
    assert collector["CapabilityBoundingSet"] == [""]
    assert collector["DynamicUser"] == collector["PrivateDevices"] == ["yes"]


def test_the_agent_can_see_what_it_reports() -> None:
    """Settings that would blind it: a file system read-only for the agent alone, adjtimex refused, no kernel log."""
    unit = settings("agent")
    assert unit["ProtectSystem"] == ["full"]
    assert unit["ProtectHome"] == ["read-only"]
    assert unit["ProtectProc"] == ["default"]
    assert unit["ProcSubset"] == ["all"]
    assert not {"ProtectClock", "ProtectKernelLogs", "PrivateDevices", "PrivateNetwork", "PrivateUsers"} & set(unit)
    assert unit["SystemCallFilter"][-1].startswith("adjtimex clock_adjtime ")
    assert set(unit["RestrictAddressFamilies"][0].split()) == {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"}


def test_the_agent_is_supervised_and_bounded() -> None:
    unit = settings("agent")
    assert unit["Type"] == ["notify"]
    assert unit["WatchdogSec"] == ["60"]
    assert unit["Restart"] == ["always"]
    assert unit["Before"] == ["slurmd.service kubelet.service"]
    assert unit["RuntimeDirectory"] == unit["StateDirectory"] == ["clusterctl"]
    assert unit["RuntimeDirectoryMode"] == ["0755"], "jobs of any user reach the socket"
    assert "CLUSTERCTL_AGENT_HOOK_SOCKET=/run/clusterctl/hook.sock" in unit["Environment"]
    assert unit["SyslogIdentifier"] == ["clusterctl-agent"]
    assert {"CPUQuota", "MemoryMax", "TasksMax", "LimitNOFILE"} <= set(unit)


def test_who_reads_traces_is_behind_every_job_and_has_no_way_out() -> None:
    unit, agent = settings("comm-watch"), settings("agent")
    assert (unit["User"], unit["StateDirectory"]) == (agent["User"], agent["StateDirectory"]), (
        "the agent takes its rows"
    )
    assert set(agent["Environment"]) & set(unit["Environment"]) == {"CLUSTERCTL_SITE_DATA_DIR=/var/lib/clusterctl"}
    assert (unit["Nice"], unit["CPUSchedulingPolicy"], unit["OOMPolicy"]) == (["19"], ["idle"], ["continue"])
    assert unit["CapabilityBoundingSet"] == [""]
    assert (unit["PrivateNetwork"], unit["RestrictAddressFamilies"]) == (["yes"], ["none"])
    assert "@resources" not in unit["SystemCallFilter"][-1], "it lowers its own priority and that of its reader"
    assert {"CPUQuota", "MemoryMax", "TasksMax", "LimitNOFILE"} <= set(unit)


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="no systemd-sysusers")
def test_the_user_of_the_unit_is_the_one_that_is_made() -> None:
    command = ["systemd-sysusers", "--dry-run", str(ROOT / "deploy" / "systemd" / "clusterctl.sysusers")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr.strip() or "user 'clusterctl'" in done.stderr + done.stdout
    lines = (ROOT / "deploy" / "systemd" / "clusterctl.sysusers").read_text(encoding="utf-8").splitlines()
    assert [line.split()[1] for line in lines if line.startswith("u ")] == settings("agent")["User"]


UNPRIVILEGED = """
import ctypes, os, pathlib
from clusterctl.agent.kmsg.device import open_source
from clusterctl.clock import SystemClock
assert os.getuid() == 65534
source = open_source(pathlib.Path("/dev/kmsg"), SystemClock(), {}, any_facility=False)
source.read(0.1)
pathlib.Path("/proc/1/mountinfo").read_text(errors="replace")
pathlib.Path("/proc/1/cgroup").read_text()
assert ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) >= 0
try:
    pathlib.Path("/proc/1/environ").read_bytes()
except PermissionError:
    print("saw what it should")
"""


WITH_ONE_CAPABILITY = (
    "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--bounding-set=-all,+syslog",
    "--inh-caps=-all,+syslog", "--ambient-caps=+syslog", sys.executable,
)  # fmt: skip
"""The unit's user and capability."""


@pytest.fixture(scope="module")
def unprivileged() -> dict[str, str]:
    """The environment for a process that runs as the unit does; skips where it cannot be started."""
    if shutil.which("setpriv") is None or os.geteuid() != 0:
        pytest.skip("needs root and setpriv")
    if not os.access("/dev/kmsg", os.R_OK):
        pytest.skip("no kernel log")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    probe = [*WITH_ONE_CAPABILITY, "-c", "import clusterctl.agent.main"]
    if subprocess.run(probe, capture_output=True, env=env, check=False).returncode:
        pytest.skip("this checkout is closed to other users")
    return env


def test_one_capability_is_enough_for_what_the_agent_reads(unprivileged: dict[str, str]) -> None:
    """Kernel log, mounts, cgroups and clock; not another's environment."""
    command = [*WITH_ONE_CAPABILITY, "-c", UNPRIVILEGED]
    done = subprocess.run(command, capture_output=True, text=True, env=unprivileged, check=False)
    assert done.stdout == "saw what it should\n", done.stderr


def test_the_agent_tells_its_supervisor_that_it_is_ready_alive_and_stopping(unprivileged: dict[str, str]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor,
        open(Path(folder) / "log", "wb") as log,
    ):
        os.chown(folder, 65534, 65534)
        supervisor.bind(f"{folder}/notify")
        os.chown(f"{folder}/notify", 65534, 65534)
        supervisor.settimeout(30)
        env = {
            **unprivileged,
            "NOTIFY_SOCKET": f"{folder}/notify",
            "WATCHDOG_USEC": "1000000",
            "CLUSTERCTL_SITE_DATA_DIR": f"{folder}/state",
            "CLUSTERCTL_AGENT_HOOK_SOCKET": f"{folder}/run/hook.sock",
            "CLUSTERCTL_AGENT_METRICS_LISTEN": "",
            "CLUSTERCTL_AGENT_NVML": "false",  # its worker starts an interpreter, which may lie where only root can go
            "CLUSTERCTL_AGENT_PERIOD_S": "1",
        }
        agent = subprocess.Popen([*WITH_ONE_CAPABILITY, "-m", "clusterctl.cli", "agent", "run"], env=env, stderr=log)
        try:
            heard = [supervisor.recv(4096).decode() for _ in range(3)]
            agent.terminate()
            while heard[-1] != "STOPPING=1":
                heard.append(supervisor.recv(4096).decode())
            assert agent.wait(timeout=30) == 0, (Path(folder) / "log").read_text(encoding="utf-8")
        finally:
            agent.kill()
            agent.wait(timeout=30)
        assert heard[:2] == ["READY=1", "WATCHDOG=1"]
        assert (Path(folder) / "run").exists(), "the hook socket's folder"


def test_units_set_only_settings_that_exist() -> None:
    for unit in UNITS:
        env = dict(
            line.removeprefix("Environment=").split("=", 1)
            for line in unit.read_text(encoding="utf-8").splitlines()
            if line.startswith("Environment=CLUSTERCTL_")
        )
        assert env
        load(None, env)
        assert set(env) <= {knob.env for knob in knobs()}, unit.name


def test_the_grafana_data_source_is_the_one_that_panels_name() -> None:
    text = (ROOT / "deploy" / "grafana" / "datasource.yaml").read_text(encoding="utf-8")
    assert f"uid: {load(None, {}).grafana.datasource_uid}\n" in text
    assert "type: grafana-clickhouse-datasource\n" in text


@pytest.fixture(scope="module")
def manifests() -> dict[str, Any]:
    """The objects of the DaemonSet's file, by kind."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install -e '.[dev]'")
    text = (ROOT / "deploy" / "kubernetes" / "agent-daemonset.yaml").read_text(encoding="utf-8")
    return {item["kind"]: item for item in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def pod(manifests: dict[str, Any]) -> Any:
    """The pod that the DaemonSet makes."""
    return manifests["DaemonSet"]["spec"]["template"]["spec"]


def test_the_daemonset_is_whole(manifests: dict[str, Any]) -> None:
    assert set(manifests) == {"Namespace", "ServiceAccount", "ConfigMap", "DaemonSet"}
    spec = manifests["DaemonSet"]["spec"]
    assert spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items()
    namespaces = {item["metadata"].get("namespace", "clusterctl") for item in manifests.values()}
    assert namespaces == {manifests["Namespace"]["metadata"]["name"]}


def test_the_pod_has_the_unit_s_rights_and_no_more(pod: Any) -> None:
    [container] = pod["containers"]
    rights = container["securityContext"]
    assert rights["capabilities"] == {"drop": ["ALL"], "add": ["SYSLOG"]}
    assert rights["readOnlyRootFilesystem"] is True
    assert rights["privileged"] is rights["allowPrivilegeEscalation"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["hostPID"] is pod["hostNetwork"] is True
    assert "hostIPC" not in pod


def test_only_the_agent_s_own_folders_can_be_written(pod: Any) -> None:
    [container] = pod["containers"]
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    assert {path for path, read_only in mounts.items() if not read_only} == {
        "/var/lib/clusterctl", "/run/clusterctl", "/tmp",
    }  # fmt: skip
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    host = {volume["hostPath"]["path"] for volume in pod["volumes"] if "hostPath" in volume}
    assert host == {"/sys", "/proc", "/dev/kmsg", "/var/lib/clusterctl", "/run/clusterctl"}


def test_the_pod_runs_everywhere_within_its_bounds(pod: Any) -> None:
    [container] = pod["containers"]
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["priorityClassName"] == "system-node-critical"
    assert container["resources"] == {
        "requests": {"cpu": "50m", "memory": "96Mi"},
        "limits": {"cpu": "200m", "memory": "256Mi"},
    }
    assert container["command"] == ["clusterctl", "agent", "run"]
    asked = container["readinessProbe"]["httpGet"]
    assert f"{asked['host']}:{asked['port']}" == load(None, {}).agent.metrics_listen


def test_the_probe_tells_a_spool_that_grows_from_one_that_does_not(pod: Any, tmp_path: Path) -> None:
    [container] = pod["containers"]
    shell, option, script = container["livenessProbe"]["exec"]["command"]
    command = [shell, option, script.replace("/var/lib/clusterctl", str(tmp_path))]
    segment = tmp_path / "segment"
    segment.write_bytes(b"tick")
    assert subprocess.run(command, check=False).returncode == 0
    os.utime(segment, (0, 0))
    assert subprocess.run(command, check=False).returncode == 1


def test_the_pod_sets_only_settings_that_exist(manifests: dict[str, Any], pod: Any, tmp_path: Path) -> None:
    [container] = pod["containers"]
    env = {entry["name"]: entry.get("value", "node-1") for entry in container["env"]}
    ours = {name for name in env if name.startswith("CLUSTERCTL_")}
    assert ours <= {knob.env for knob in knobs()} | {ENV_FILE}
    file = tmp_path / "clusterctl.toml"
    file.write_text(manifests["ConfigMap"]["data"]["clusterctl.toml"], encoding="utf-8")
    config = load(str(file), {name: value for name, value in env.items() if name != ENV_FILE})
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert env[ENV_FILE] == "/etc/clusterctl/clusterctl.toml"
    assert {config.agent.sysfs_root, config.agent.procfs_root, config.agent.kmsg_path, config.site.data_dir} <= mounts
    assert str(Path(config.agent.hook_socket).parent) in mounts
    assert config.agent.period_s <= 60, "the probes look three minutes back"


def test_what_the_page_says_of_the_pod_is_in_it(pod: Any) -> None:
    page = (ROOT / "deploy" / "kubernetes" / "README.md").read_text(encoding="utf-8")
    for word in ("hostPID", "hostNetwork", "runAsUser: 0", "runtimeClassName: nvidia", "priorityClassName"):
        assert word in page
    assert set(re.findall(r"CLUSTERCTL_[A-Z_]+", page)) <= {knob.env for knob in knobs()} | {ENV_FILE}
