"""The command line as people meet it: exit codes, errors, one agent a spool."""

from __future__ import annotations

import json
from pathlib import Path

from clusterctl.config import load
from clusterctl.store.driver import create_database
from tests.support.cli import Running, clusterctl, ok, report, wait_for


def once(env: dict[str, str], *arguments: str) -> str:
    """What `agent once` prints; this machine's clock or disks may be findings."""
    done = clusterctl(env, "agent", "once", *arguments)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_one_tick_of_this_machine(local_env: dict[str, str]) -> None:
    tick = json.loads(once(local_env, "--format", "json"))
    assert tick["host"] == "node1"
    assert tick["host_sample"]["memory_total_bytes"] > 0
    assert isinstance(tick["nic_sample"], list)
    assert "node1" in once(local_env)


def test_a_check_that_fails_is_a_finding(local_env: dict[str, str], tmp_path: Path) -> None:
    arguments = ("agent", "once", "--format", "json", "--sysfs-root", str(tmp_path / "sys"))
    quiet = {**local_env, "CLUSTERCTL_CHECKS_DISABLED": "clock_skew,filesystem_full,filesystem_read_only,host_pressure"}
    assert clusterctl(quiet, *arguments).returncode == 0
    missing = {**quiet, "CLUSTERCTL_SITE_GPUS_EXPECTED": "8"}
    done = clusterctl(missing, *arguments)
    assert done.returncode == 1
    failed = [verdict for verdict in json.loads(done.stdout)["verdicts"] if verdict["state"] == "fail"]
    assert [(verdict["check"], verdict["action"]) for verdict in failed] == [("gpu_missing", failed[0]["action"])]
    assert failed[0]["action"] != "none"


def test_roots_can_be_moved(local_env: dict[str, str], tmp_path: Path) -> None:
    port = tmp_path / "sys/class/net/eth9"
    (port / "device").mkdir(parents=True)
    (port / "carrier").write_text("1\n")
    (tmp_path / "proc").mkdir()
    arguments = ("--sysfs-root", str(tmp_path / "sys"), "--procfs-root", str(tmp_path / "proc"))
    tick = json.loads(once(local_env, "--format", "json", *arguments))
    assert [row["port"] for row in tick["nic_sample"]] == ["eth9"]
    assert tick["host_sample"]["uptime_s"] is None
    assert tick["boot_id"] == ""


def test_an_empty_store_could_not_tell(local_env: dict[str, str]) -> None:
    done = clusterctl(local_env, "report")
    assert done.returncode == 2
    assert "no evidence yet" in done.stderr
    assert clusterctl(local_env, "report", "--cluster", "none").returncode == 2


def test_a_fleet_proved_above_the_line_is_a_finding(local_env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("cause,class,count\na,hardware,100\n")
    ok(local_env, "import", "incidents", str(file), "--cluster", "x", "--gpus", "1000", "--days", "30")
    assert clusterctl(local_env, "report").returncode == 1
    for format_ in ("md", "csv", "json", "table"):
        shown = clusterctl(local_env, "report", "--format", format_).stdout
        assert "x" in shown
        assert "100" in shown


def test_a_report_into_a_file_against_the_window_before(local_env: dict[str, str], tmp_path: Path) -> None:
    for since, until, count in (("2026-08-01", "2026-09-01", 3), ("2026-09-01", "2026-10-01", 40)):
        file = tmp_path / f"{since}.csv"
        file.write_text(f"cause,class,count\nfan,hardware,{count}\n")
        period = ("--since", since, "--until", until, "--gpus", "1000")
        ok(local_env, "import", "incidents", str(file), "--cluster", "x", *period)
    page = tmp_path / "report.html"
    window = ("--since", "2026-09-01", "--until", "2026-10-01", "--compare", "2026-08-01/2026-09-01")
    asked = ("report", *window, "--format", "html", "--lang", "zh", "--out", str(page))
    first = clusterctl(local_env, *asked)
    assert (first.stdout, first.returncode) == ("", 1)
    text = page.read_text(encoding="utf-8")
    for told in ("千卡单日故障数", "变差", "31,000 卡日内 3 次", "30,000 卡日内 40 次"):
        assert told in text, told
    clusterctl({**local_env, "PYTHONHASHSEED": "7"}, *asked)
    assert page.read_text(encoding="utf-8") == text, "the same data give the same bytes"


def test_errors_are_one_line_and_a_hint(local_env: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[agent]\nperiod = 3\n")
    done = clusterctl(local_env, "--config", str(config), "report")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"clusterctl: {config}: agent.period: unknown key",
        "  clusterctl config show lists every key with its meaning",
    ]


def test_a_server_without_tables_says_what_to_run(local_env: dict[str, str], clickhouse_env: dict[str, str]) -> None:
    env = {**local_env, **clickhouse_env}
    create_database(load(None, env).store)  # empty: the engine of our tests aborts when a client names an unknown one
    done = clusterctl(env, "report")
    assert done.returncode == 2
    assert "clusterctl migrate" in done.stderr
    ok(env, "migrate")
    assert "nothing to apply" in ok(env, "migrate")


def test_no_server_says_what_to_look_at(local_env: dict[str, str]) -> None:
    env = {
        **local_env,
        "CLUSTERCTL_STORE_KIND": "clickhouse",
        "CLUSTERCTL_STORE_PORT": "9",
        "CLUSTERCTL_STORE_TIMEOUT_S": "2",
    }
    done = clusterctl(env, "report")
    assert done.returncode == 2
    assert "store.host" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_agent_a_spool(local_env: dict[str, str]) -> None:
    spool = Path(local_env["CLUSTERCTL_SITE_DATA_DIR"]) / "spool"
    with Running({**local_env, "CLUSTERCTL_AGENT_PERIOD_S": "0.5"}, "agent", "run") as first:
        assert wait_for(lambda: any(spool.rglob("*.seg")), 30)
        second = clusterctl(local_env, "agent", "run")
        assert second.returncode == 2
        assert "another process writes here" in second.stderr
        first.stop()


def test_settings_are_shown_and_secrets_are_not(local_env: dict[str, str]) -> None:
    shown = ok({**local_env, "CLUSTERCTL_STORE_PASSWORD": "hunter2"}, "config", "show", "--format", "json")
    assert "hunter2" not in shown
    assert json.loads(shown)["store.password"] == "(set)"


def test_the_demo_does_what_the_readme_says(local_env: dict[str, str]) -> None:
    done = clusterctl(local_env, "demo", "--seconds", "5")
    assert done.returncode == 0, done.stderr
    for text in ("0.474", "0.429 to 0.521", "0.402", "0.362 to 0.446", "0 GPUs seen", "implied industry", "Faulty GPU",
                 "traced-job", "watched-job", "grade B, telemetry"):  # fmt: skip
        assert text in done.stdout, text
    assert "next:" in done.stderr
    assert "data:" in done.stderr
    names = {cluster["name"] for cluster in report(local_env)["clusters"]}
    assert names == {"this-machine", "llama3-405b", "simulated-training"}
