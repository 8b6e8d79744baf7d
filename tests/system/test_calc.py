"""The worked examples of docs/kpi.md that need only numbers, through `clusterctl calc`. Tolerance: 1 in the last printed
digit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clusterctl.cli import app
from clusterctl.errors import InputError
from tests.support.cli import clusterctl
from tests.support.imports import near

CLEAN, FINDINGS, UNKNOWN = 0, 1, 2


def calc(*arguments: str, exit_code: int = CLEAN) -> dict[str, Any]:
    """What the command prints as JSON."""
    return dict(json.loads(inside(*arguments, "--format", "json", exit_code=exit_code)))


def inside(*arguments: str, exit_code: int = CLEAN) -> str:
    """What the command prints, without the cost of a process for each of these many."""
    done = CliRunner(env={"COLUMNS": "150"}).invoke(app, ["calc", *arguments])
    if isinstance(done.exception, InputError):
        raise done.exception
    assert done.exit_code == exit_code, done.output
    return done.output


def assert_limits(found: Mapping[str, Any], low: str, high: str) -> None:
    assert near(found["low"], low), found
    assert near(found["high"], high), found


def test_as_a_process_of_its_own() -> None:
    done = clusterctl({}, "calc", "verdict", "900", "--gpu-days", "1000000", "--target", "0.48", "--format", "json")
    assert done.returncode == FINDINGS, done.stderr
    assert json.loads(done.stdout)["verdicts"][0]["verdict"] == "above target"
    bad = clusterctl({}, "calc", "rate", "5")
    assert (bad.returncode, bad.stdout) == (UNKNOWN, "")
    assert bad.stderr.splitlines() == [
        "clusterctl: no exposure",
        "  a rate needs one: --gpu-days, or --gpus and --days",
    ]


def test_at04_no_fault_in_one_day() -> None:
    rate = calc("rate", "0", "--gpus", "1000", "--days", "1")["per_1000_gpu_days"]
    assert rate["value"] == 0
    assert_limits(rate, "0", "3.689")
    made = calc("verdict", "0", "--gpus", "1000", "--days", "1", "--target", "0.16", exit_code=UNKNOWN)
    (verdict,) = made["verdicts"]
    assert verdict["verdict"] == "not decided (exposure)"
    assert (verdict["gpu_days_total_if_no_more"], verdict["gpu_days_needed"]) == (23_056, 22_056)


def test_at05_five_in_a_month() -> None:
    made = calc("rate", "5", "--gpus", "1000", "--days", "30")
    assert_limits(made["count_limits"], "1.6235", "11.668")
    assert near(made["per_1000_gpu_days"]["value"], "0.1667")
    assert_limits(made["per_1000_gpu_days"], "0.0541", "0.3889")
    below, open_ = calc("verdict", "5", "--gpus", "1000", "--days", "30")["verdicts"]
    assert (below["target"], below["verdict"]) == (0.48, "below target")
    assert (open_["target"], open_["verdict"]) == (0.16, "not decided (exposure)")
    assert open_["gpu_days_total_if_no_more"] == 72_928
    assert open_["gpu_days_total_at_observed_rate"] is None
    assert "never" in inside("verdict", "5", "--gpus", "1000", "--days", "30")


def test_at11_mttf_is_a_model_and_far_away_a_projection() -> None:
    sizes = [word for gpus in (1024, 16_384, 100_000, 131_072) for word in ("--gpus", str(gpus))]
    made = calc("mttf", "--node-rate", "6.5", *sizes, "--measured-gpus", "1024")["sizes"]
    assert near(made[0]["mttf_hours"]["value"], "28.85")
    assert near(made[1]["mttf_hours"]["value"], "1.803")
    assert near(made[2]["mttf_hours"]["value"] * 60, "17.72")
    assert near(made[3]["mttf_hours"]["value"], "0.2254")
    assert [size["label"] for size in made] == ["model", "projected", "projected", "projected"]


def test_at12_expected_ettr() -> None:
    for options, expected in (
        (("--nodes", "2000", "--interval-min", "60"), "0.684"),
        (("--gpus", "16000", "--interval-min", "5"), "0.932"),
        (("--nodes", "1000", "--interval-min", "30", "--queue-min", "1"), "0.905"),
    ):
        made = calc("ettr", "--node-rate", "6.5", "--restart-min", "5", *options)
        assert near(made["expected_ettr"], expected)


def test_at29_a_smaller_share() -> None:
    assert near(100 * calc("share", "35", "3.7")["step_shorter"], "32.5")
    made = calc("share", "12", "6")
    assert near(100 * made["step_shorter"], "6.4")
    assert near(100 * made["throughput_gain"], "6.8")


def test_at30_links() -> None:
    made = calc("links", "--links", "3000", "--percent-per-month", "0.057")
    assert near(made["failures"]["mean"], "1.71")


X04 = [*"001000600100005010000000700100"]


def test_x04_clusters_take_a_verdict_back(tmp_path: Path) -> None:
    made = calc("dispersion", *X04, "--gpus", "4096", "--target", "0.30", exit_code=FINDINGS)
    assert made["count"] == 22
    assert near(made["per_1000_gpu_days"]["value"], "0.1790")
    assert_limits(made["per_1000_gpu_days"], "0.1122", "0.2711")
    assert near(made["dispersion"]["phi"], "4.602")
    assert made["dispersion"]["p_value"] == pytest.approx(2.4e-15, abs=1e-16)
    assert_limits(made["dispersion"]["scaled"], "0.0563", "0.4254")
    assert made["verdicts"]["plain"]["verdict"] == "below target"
    assert made["verdicts"]["binding"]["verdict"] == "not decided (exposure)"
    file = tmp_path / "days.csv"
    file.write_text("day,count,gpu_days\n" + "".join(f"{day},{count},4096\n" for day, count in enumerate(X04)))
    assert "4.602, p 2.4e-15" in inside("dispersion", "--file", str(file), exit_code=FINDINGS)


def test_x05_and_x06_cohorts() -> None:
    (worse,) = calc("compare", "25", "35000", "12", "40000", exit_code=FINDINGS)["comparisons"]
    assert near(worse["ratio"], "2.381")
    assert_limits(worse, "1.153", "5.201")
    assert near(worse["p_value"], "0.0168")
    assert worse["verdict"] == "a is worse"
    (zero,) = calc("compare", "0", "10000", "5", "12000", exit_code=UNKNOWN)["comparisons"]
    assert zero["ratio"] == 0
    assert_limits(zero, "0", "1.310")
    assert near(zero["p_value"], "0.0966")


def fleet(path: Path, worst: int) -> str:
    counts = [worst] + [1] * 56 + [0] * 443
    path.write_text("node,count,gpu_days\n" + "".join(f"n{i},{count},224\n" for i, count in enumerate(counts)))
    return str(path)


def test_x07_lemons(tmp_path: Path) -> None:
    made = calc("lemon", fleet(tmp_path / "four.csv", 4), exit_code=FINDINGS)
    (lemon,) = made["lemons"]["listed"]
    assert (made["count"], lemon["name"], lemon["significant"]) == (60, "n0", True)
    assert near(lemon["expected"], "0.1122")
    assert lemon["p_value"] == pytest.approx(6.0e-6, abs=1e-7)
    shown = inside("lemon", fleet(tmp_path / "three.csv", 3))
    assert "2.2e-04" in shown
    assert "fewer than two counters" in shown


def test_x09_two_targets() -> None:
    below, open_ = calc("verdict", "143", "--gpu-days", "864000")["verdicts"]
    assert (below["target"], below["verdict"]) == (0.48, "below target")
    assert (open_["verdict"], open_["gpu_days_total_if_no_more"]) == ("not decided (exposure)", 1_052_825)
    assert open_["gpu_days_total_at_observed_rate"] is None


def test_the_planning_table() -> None:
    made = calc("power")
    assert made["plan"]["gpu_days_first"] == 24_310
    at = {(row["gpus"], row["days"]): row["after"] for row in made["table"]}
    assert at[1000, 30]["largest_count"] == 6
    assert near(at[1000, 30]["power"], "0.791")
    assert near(at[10_000, 1]["power"], "0.202")
    assert at[1000, 1]["largest_count"] is None
    assert "first at 24,310 GPU-days" in inside("power")
    assert "never" in inside("power", "--rate", "0.5", exit_code=UNKNOWN)


def test_a_checkpoint_plan() -> None:
    made = calc("checkpoint", "--gpus", "16384", "--node-rate", "6.5", "--blocked-min", "1")
    assert near(made["best_interval_min"], "14.7")
    assert "none" in inside("checkpoint", "--gpus", "8", "--rate", "0", "--blocked-min", "1", exit_code=UNKNOWN)


def test_beyond_half_no_ettr_is_given() -> None:
    shown = inside("ettr", "--nodes", "20000", "--node-rate", "6.5", "--interval-min", "60", exit_code=UNKNOWN)
    assert "no number" in shown


def test_a_measured_rate_carries_its_interval_to_the_time() -> None:
    shown = inside("mttf", "--faults", "143", "--gpu-days", "864000", "--measured-gpus", "9600")
    assert "7.513 to 10.501" in shown
    assert "projected" in shown
    bare = inside("mttf", "--rate", "0.16", "--gpus", "1000")
    assert "no interval" in bare
    assert "--measured-gpus" in bare


def test_exit_codes_follow_the_highest_target() -> None:
    inside("verdict", "900", "--gpu-days", "1000000", "--target", "0.16", "--target", "0.48", exit_code=FINDINGS)
    inside("verdict", "300", "--gpu-days", "1000000", "--target", "0.16", "--target", "0.48", exit_code=CLEAN)
    inside("verdict", "6", "--gpu-days", "30000", "--unattributed", "4", "--target", "0.48", exit_code=UNKNOWN)


def test_groups_from_a_file_are_each_compared_with_all_others(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("group,count,gpu_days\n580,10,50000\n575,60,50000\n570,12,50000\n")
    made = calc("compare", "--file", str(file), exit_code=FINDINGS)["comparisons"]
    assert [(one["a"], one["count_b"]) for one in made] == [("580", 72), ("575", 22), ("570", 70)]
    assert [one["verdict"] for one in made] == ["a is better", "a is worse", "a is better"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rate", "5"), "no exposure"),
        (("rate", "5", "--gpu-days", "0"), "must be over 0"),
        (("rate", "5", "--gpu-days", "nan"), "must be over 0"),
        (("rate", "5", "--gpu-days", "1e300"), "at most"),
        (("verdict", "5", "--gpu-days", "9", "--target", "1e-300"), "must be over 0"),
        (("rate", "5", "--gpu-days", "9", "--gpus", "8"), "twice"),
        (("mttf",), "--rate"),
        (("mttf", "--rate", "1", "--node-rate", "8"), "--rate"),
        (("power", "--power", "1"), "between 0 and 1"),
        (("share", "100", "5"), "under 1"),
        (("compare", "1", "2"), "four numbers"),
        (("dispersion", "1", "2"), "no exposure"),
        (("dispersion",), "--file"),
        (("ettr", "--interval-min", "5", "--rate", "1"), "how large"),
    ],
)
def test_what_is_missing_is_said(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        inside(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("rate", "1000000000", "--gpu-days", "1e-9"),
        ("rate", "0", "--gpus", "1000000000", "--days", "1e12", "--phi", "1e12"),
        ("mttf", "--rate", "1e12", "--gpus", "1000000000"),
        ("mttf", "--faults", "0", "--gpu-days", "1e12", "--gpus", "1"),
        ("links", "--links", "1000000000", "--percent-per-month", "100", "--months", "1000"),
        ("compare", "1000000000", "1e12", "999999999", "1e12"),
        ("share", "99.999", "0"),
    ],
)
def test_great_and_small_numbers_are_still_numbers(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["calc", *arguments, "--format", "json"])
    assert done.exit_code in (CLEAN, FINDINGS, UNKNOWN), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert json.loads(done.output)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node,count\nn1,2\n", "no column gpu_days"),
        ("node,count,gpu_days\nn1,two,5\n", "line 2: count is 'two'"),
        ("node,count,gpu_days\nn1,1.5,5\n", "no whole number"),
        ("node,count,gpu_days\nn1,-1,5\n", "at least 0"),
        ("node,count,gpu_days\nn1,1,inf\n", "at least 0"),
        ("node,count,gpu_days\nn1,1,5\nn1,2,5\n", "line 3: 'n1' stands twice"),
        ("node,count,gpu_days\n,1,5\n", "no name"),
    ],
)
def test_a_row_that_cannot_be_used_stops_the_test(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "nodes.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        inside("lemon", str(file))


def test_names_from_a_file_cannot_move_the_cursor(tmp_path: Path) -> None:
    file = tmp_path / "nodes.csv"
    file.write_text("node,count,gpu_days\n\x1b[2Jn1,4,5\n" + "".join(f"m{i},0,5\n" for i in range(50)))
    assert "\x1b" not in inside("lemon", str(file), exit_code=FINDINGS)
