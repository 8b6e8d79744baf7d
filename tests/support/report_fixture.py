"""Reports made by hand, for the formats: a cluster with everything, one that hardly has anything, and an imported one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from clusterctl.analytics.reports import model, model_faults, model_nodes, model_times
from clusterctl.analytics.reports.build import reference_lines
from clusterctl.analytics.reports.definitions import DEFINITIONS
from clusterctl.analytics.reports.model_comm import unmeasured
from clusterctl.analytics.stats import Rate, rate_of, verdict_of
from tests.support.comm_fixture import communication

EVIL = "\x1b[31m<script>|`x`\u202egnp.exe\x07\n=cmd()"
"""Escapes, markup, a cell's end, text that runs backwards, a formula."""
SINCE = datetime(2026, 10, 1, tzinfo=timezone.utc)
NONE = model_times.Spread(0, None, None, None)
UNKNOWN_HOURS = model_times.HoursInterval(None, None, None)
DAILY = (0, 1, 0, 1, 2, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 2, 3, 1, 2, 4, 1, 2, 3, 2, 1, 4, 2, 1, 3, 2)
GPUS = 4096


def report(*clusters: model.ClusterReport, generated_at: str = "") -> model.Report:
    """Around those clusters, what every report has."""
    return model.Report(
        model.REPORT_VERSION, generated_at, list(clusters), reference_lines(), list(DEFINITIONS), "2026.2", "0.1.0"
    )


def full_report() -> model.Report:
    """Everything at once."""
    return report(rich(), thin(), imported())


def _at(days: float) -> str:
    return (SINCE + timedelta(days=days)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(count: int, gpu_days: float | None, basis: str = "in_service") -> model.Line:
    return model.Line(count, rate_of(count, gpu_days, basis))


def rich() -> model.ClusterReport:
    """4096 GPUs for 30 days, with a change of the rate on the way and something in every section."""
    days = model.GpuDays(118_204.5, 122_880.0, 101_870.25)
    return model.ClusterReport(
        name="alpha",
        window=model.Window(_at(0), _at(30), 720.0),
        faults=_faults(days),
        interruptions=_interruptions(days),
        lines=_lines(days.in_service),
        coverage=model.Coverage(
            "observed", 0.9934, 512, 21_972_096, 22_118_400, 1_318_000_000, 1_327_104_000, 12, 402, 4096, 4095,
            ["gpu:gpu_lost", "log:permission"], "4095 GPUs seen of 4096 on the PCI bus; 21972096 of 22118400 node-minutes watched",
            0, 0, 0.9921, 0.9931, 0.987,
        ),
        hosts=[
            model.Host(f"gpu-{n:05d}", _at(29.99), 2_590_000 + n, 0.12 + n / 100, 700 << 30, 1 << 40, 0.41, 71, 86400 * 40,
                       0.0021, 52 << 20, 0)
            for n in range(4)
        ],
        ports=[
            model.Port("gpu-00417", f"mlx5_{n}", "infiniband", 1 if n else 0, 400_000, 912 << 40, 911 << 40, 14 * n, n, 0, 2_590_000)
            for n in range(4)
        ],
        incidents=_incidents()[:8],
        open_incidents=_incidents()[:5],
        costs=_costs(),
        splits=_splits(),
        trend=_trend(),
        times=_times(),
        lemons=[_node_lemons(), model_nodes.Lemons(28.0, 4096, [], None, None, None, "none has two faults")],
        repairs=_repairs(),
        cohorts=_cohorts(),
        slow=_slow(),
        worst_nodes=_worst_nodes(),
        communication=communication(),
        comparison=_comparison(),
        warnings=["3 incidents began before an agent watched their node or while it was out of service, and are in no rate"],
    )  # fmt: skip


def _faults(days: model.GpuDays) -> model.Faults:
    count, unknown = sum(DAILY), 6
    headline = rate_of(count, days.in_service, "in_service")
    scaled = Rate(
        headline.value,
        0.226,
        0.487,
        "in_service",
        "Garwood exact, two-sided 95 %, scaled by phi 1.940",
        count,
        days.in_service,
    )
    worst = [
        model_faults.WithoutWorst("node", "gpu-00417", 5, 5 / count, rate_of(count - 5, 118_000.0, "in_service"), 1.14, False),
        model_faults.WithoutWorst("gpu", "GPU-5a1e0c1f-77aa-4d0e-9b3c-0d1f2e3a4b5c", 4, 4 / count,
                                  rate_of(count - 4, 118_100.0, "in_service"), 1.11, False),
        model_faults.WithoutWorst("fabric element", "leaf-07", 2, 2 / count, rate_of(count - 2, 118_000.0, "in_service"), 1.05, False),
    ]  # fmt: skip
    rules = (("by gap of 5 s", 5.0, 97), ("by gap of 3 min", 180.0, 61), ("by gap of 15 min", 900.0, 52), ("until repaired", None, count))  # fmt: skip
    return model.Faults(
        count=count,
        gpu_days=days,
        per_1000_gpu_days=headline,
        by_basis=[rate_of(count, days.in_service, "in_service"), rate_of(count, days.capacity, "capacity"),
                  rate_of(count, days.allocated, "allocated")],
        by_cause=[model.Cause("Xid 79", "hardware", "GPU", 14, 14 / count), model.Cause("leaf switch down", "network", "network", 2, 2 / count)],
        verdicts=[verdict_of(count, unknown, days.in_service or 0, target, covered=True) for target in (0.16, 0.48)],
        unattributed=unknown,
        unattributed_share=unknown / 61,
        out_of_service=0,
        before_exposure=3,
        still_open=2,
        dispersion=model_faults.Dispersion(2, 15, 1.94, 0.0047, True, scaled, 0.251, 0.452, ""),
        concentration=model_faults.Concentration(29, worst, False),
        sensitivity=[model_faults.Sensitivity(rule, gap_s, number, rate_of(number, days.in_service, "in_service"))
                     for rule, gap_s, number in rules],
        nodes_affected=71,
    )  # fmt: skip


def _interruptions(days: model.GpuDays) -> model.Interruptions:
    rate = rate_of(61, days.allocated, "allocated")
    causes = [model.Cause(c.cause, c.cls, "", c.count, c.share_of_count) for c in _costs()]
    return model.Interruptions(
        61, rate, rate_of(61, (days.allocated or 0) / 8, "allocated, 8 GPUs a node"), 8, 720 / 61, causes, [],
        [verdict_of(61, 0, days.allocated or 0, target, covered=True) for target in (0.16, 0.48)],
        _line(68, days.allocated, "allocated"), 720 / 68,
    )  # fmt: skip


def _lines(days: float | None) -> model.Lines:
    return model.Lines(*(_line(count, days) for count in (47, 46, 9, 7, 33, 4, 5)))


def _costs() -> list[model_faults.CauseCost]:
    listed = [
        ("GPU has fallen off the bus (Xid 79)", "hardware", 14, 21_400.0, 14), ("NVLink error (Xid 74)", "hardware", 9, 18_020.0, 8),
        ("leaf switch down", "network", 2, 16_384.0, 2), ("GSP RPC timeout (Xid 119)", "driver", 6, 6_010.5, 6),
        ("uncorrectable ECC (Xid 48)", "hardware", 5, 4_900.0, 5), ("port flap", "network", 4, 3_300.0, 3),
        ("file system client stuck", "storage", 3, 2_700.0, 3), ("collective timeout, no cause found", "unknown", 6, 5_120.0, 5),
        ("illegal memory access (Xid 31)", "user", 9, 900.0, 9), ("NCCL internal error", "software", 2, 410.0, 2),
        ("host panic", "hardware", 1, None, 0),
    ]  # fmt: skip
    count, cost = sum(entry[2] for entry in listed), sum(entry[3] or 0.0 for entry in listed)
    return [
        model_faults.CauseCost(cause, cls, n, n / count, hours, None if hours is None else hours / cost, told)
        for cause, cls, n, hours, told in sorted(listed, key=lambda entry: -(entry[3] or 0.0))
    ]


def _splits() -> list[model_faults.Split]:
    def rows(*given: tuple[str, int, float]) -> list[model_faults.SplitRow]:
        total = sum(count for _name, count, _days in given)
        return [model_faults.SplitRow(n, k, d, k / total, rate_of(k, d, "in_service")) for n, k, d in given]

    return [
        model_faults.Split("gpu_model", rows(("NVIDIA H100 80GB HBM3", 31, 88_000.0), ("NVIDIA H200", 9, 30_204.5))),
        model_faults.Split("driver", rows(("570.86.15", 27, 59_000.0), ("575.57.08", 12, 51_204.5), ("unknown", 1, 8_000.0))),
        model_faults.Split("batch", [], "no inventory tells it"),
    ]  # fmt: skip


def _trend() -> model_faults.Trend:
    day = 118_204.5 / 30
    points = [
        model_faults.TrendPoint(_at(n), _at(n + 1), k, day, rate_of(k, day, "in_service")) for n, k in enumerate(DAILY)
    ]
    before, after = sum(DAILY[:15]), sum(DAILY[15:])
    change = model_faults.ChangePoint(_at(15), rate_of(before, 15 * day, "in_service"), rate_of(after, 15 * day, "in_service"),
                                      after / before, 0.00004)  # fmt: skip
    return model_faults.Trend(1, points, [change])


def _hours(value: float, low: float, high: float) -> model_times.HoursInterval:
    return model_times.HoursInterval(value, low, high)


def _spread(count: int, median_s: float, p90_s: float, mean_s: float) -> model_times.Spread:
    return model_times.Spread(count, mean_s, median_s, p90_s)


def _times() -> model_times.Times:
    bands = [("8 to 63", 8, 64, 1840, 9_800.0, 5, _hours(412.0, 176.0, 1270.0), 1_860.0),
             ("64 to 255", 64, 256, 402, 21_000.0, 11, _hours(201.0, 112.0, 403.0), 465.0),
             ("256 to 1023", 256, 1024, 61, 33_570.25, 20, _hours(70.5, 45.6, 115.0), 116.2),
             ("1024 and more", 1024, None, 9, 37_500.0, 25, _hours(17.6, 11.9, 27.2), 29.05)]  # fmt: skip
    parts = [("detect", 45, 11.0, 62.0, 31.0), ("locate", 45, 240.0, 1_500.0, 620.0), ("replace", 45, 180.0, 900.0, 410.0),
             ("reload", 45, 300.0, 720.0, 380.0), ("recompute", 45, 780.0, 1_560.0, 850.0)]  # fmt: skip
    badput = [("queue", 0.021), ("init", 0.018), ("data_load", 0.006), ("checkpoint", 0.012), ("lost_progress", 0.031),
              ("fail_slow", 0.009), ("exposed_communication", 0.084), ("other", 0.014)]  # fmt: skip
    scheduled = 2_444_886.0
    plan = [model_times.CheckpointPlan(gpus, 1_800.0, 9.2, 0.4 * gpus / 1000, (2 * 9.2 * 86400 / (0.4 * gpus / 1000)) ** 0.5)
            for gpus in (1024, 4096, 10_000)]  # fmt: skip
    return model_times.Times(
        _hours(66_650.0, 49_000.0, 93_200.0),
        [model_times.SizeBand(n, a, b, jobs, days, k, rate_of(k, days, "allocated"), measured, modelled)
         for n, a, b, jobs, days, k, measured, modelled in bands],
        model_times.Mttr([model_times.MttrPart(name, _spread(*rest)) for name, *rest in parts],
                         _spread(45, 1_620.0, 4_300.0, 2_291.0), _spread(38, 16_200.0, 172_000.0, 51_000.0)),
        model_times.Availability(0.9619, 0.9871),
        model_times.Ettr(0.903, 0.412, _at(20.25), 0.917, 472, ""),
        model_times.Goodput(1 - sum(s for _n, s in badput), [model_times.Badput(n, s, s * scheduled) for n, s in badput], scheduled, ""),
        model_times.Checkpoints(2_910, 4, _spread(2_910, 8.1, 14.0, 9.2), _spread(2_906, 52.0, 96.0, 60.0),
                                _spread(51, 210.0, 500.0, 260.0), 4_800_000_000_000, 92_000_000_000.0, 0.0051, plan,
                                "projected to 10,000 GPUs: 12 s blocked, 0.7 % of wall time"),
        [model_times.RackToTrain("alpha-extension", 402.5, 2048, 256, 231, 252,
                                 {"power": 31.0, "provision": 40.5, "burn_in": 168.0, "fabric_check": 61.0, "init": 2.0})],
    )  # fmt: skip


def _node_lemons() -> model_nodes.Lemons:
    def lemon(name: str, count: int, p_value: float, *, candidate: bool, confirmed: bool = False) -> model_nodes.Lemon:
        counters = {
            "xid_episodes": 41.0 * count,
            "times_out_of_service": float(count),
            "tickets": 2.0,
            "multi_node_job_failures": count - 1.0,
        }
        return model_nodes.Lemon(
            "node", name, count, 0.078, 224.0, p_value, p_value < 1e-3, candidate, confirmed, counters, 3
        )

    listed = [lemon("gpu-00417", 5, 2.2e-8, candidate=True, confirmed=True), lemon("gpu-00093", 3, 7.4e-5, candidate=True),
              lemon("gpu-00201", 2, 0.0029, candidate=False)]  # fmt: skip
    return model_nodes.Lemons(28.0, 512, listed, 2 / 512, 8 / 40, rate_of(32, 117_750.0, "in_service"), "")


def _repairs() -> list[model_nodes.Repair]:
    return [
        model_nodes.Repair("gpu-00417", _at(17.4), "GPU replaced", rate_of(4, 139.0, "in_service"), rate_of(1, 98.0, "in_service"),
                           4, 1, 0.42, "not enough exposure"),
        model_nodes.Repair("gpu-00093", _at(9.1), "NVLink bridge reseated", rate_of(9, 600.0, "in_service"),
                           rate_of(0, 600.0, "in_service"), 9, 0, 0.0039, "helped"),
    ]  # fmt: skip


def _cohorts() -> list[model_nodes.Cohort]:
    return [
        model_nodes.Cohort("driver", "570.86.15", "575.57.08", 27, 59_000.0, 12, 51_204.5, 1.953, 0.957, 4.24, 0.069, "no difference shown"),
        model_nodes.Cohort("batch", "2025-W31", "2025-W44", 25, 35_000.0, 12, 40_000.0, 2.381, 1.153, 5.201, 0.0168, "a is worse"),
        model_nodes.Cohort("rack", "r07", "r08", 2, 900.0, 0, 900.0, None, 0.19, None, 0.5, "not enough exposure"),
    ]  # fmt: skip


def _slow() -> list[model_nodes.Slow]:
    return [
        model_nodes.Slow("gpu", "gpu-00188", "GPU-77b0e2c4-1111-4222-8333-944455556666", "sm_clock_mhz", "job-48120", _at(27.3), None,
                         0.231, 0.998, 511, 2_140.5),
        model_nodes.Slow("port", "gpu-00302", "mlx5_4", "tx_bytes_per_s", "job-48044", _at(22.0), _at(22.4), 0.38, 0.991, 255, 610.0),
    ]  # fmt: skip


def _worst_nodes() -> list[model_nodes.NodeLine]:
    listed = [("gpu-00417", 5, 7, 1, "repair", 61.2, "Xid 79", "r07"), ("gpu-00093", 3, 3, 0, "in_service", 14.0, "Xid 74", "r02"),
              ("gpu-00201", 2, 4, 0, "in_service", 3.1, "port flap", "r04"), ("gpu-00333", 1, 1, 1, "drained", 2.2, "Xid 48", "r06")]  # fmt: skip
    return [model_nodes.NodeLine(*entry) for entry in listed]


def _incidents() -> list[model.IncidentLine]:
    listed = [
        (28.9, None, "hardware", "Xid 79", "gpu-00417", "GPU-5a1e0c1f-77aa-4d0e-9b3c-0d1f2e3a4b5c", "open", "Reseat the GPU or its baseboard; if it comes back, return it.", 1, "GPU replaced 2026-10-18"),
        (28.1, None, "network", "leaf switch down", "leaf-07", "", "acknowledged", "Replace the optics of uplink 3, then watch for flaps", 4, ""),
        (27.3, None, "hardware", "Xid 48", "gpu-00333", "GPU-0c0c0c0c-0000-4000-8000-0c0c0c0c0c0c", "in repair", "Reset the GPU; remaps are pending", 1, ""),
        (26.0, None, "unknown", "collective timeout", "gpu-00021", "", "open", "", 1, ""),
        (25.5, None, "hardware", EVIL, EVIL, EVIL, "reopened", EVIL, 0, EVIL),
        (24.0, 24.2, "driver", "Xid 119", "gpu-00120", "GPU-12121212-0000-4000-8000-0c0c0c0c0c0c", "closed", "", 1, ""),
        (23.0, 23.5, "storage", "file system client stuck", "gpu-00400", "", "closed", "", 2, ""),
        (22.0, 22.4, "network", "port flap", "gpu-00302", "mlx5_4", "closed", "", 0, ""),
    ]  # fmt: skip
    return [
        model.IncidentLine(
            _at(opened), None if closed is None else _at(closed), "infrastructure", cls, cause, "fault", node, gpu, 32 if node == "leaf-07" else 1,
            3, 41, "", "", f"i{n:04d}", state, "", action, "", "leaf-07" if node == "leaf-07" else "", jobs, tried,
        )
        for n, (opened, closed, cls, cause, node, gpu, state, action, jobs, tried) in enumerate(listed)
    ]  # fmt: skip


def _comparison() -> model.Comparison:
    def tested(measure: str, before: tuple[int, float], after: tuple[int, float], ratio: float, p: float, verdict: str,
               limits: tuple[float, float]) -> model.Change:  # fmt: skip
        old, new = rate_of(*before, "in_service"), rate_of(*after, "in_service")
        return model.Change(measure, old.value, new.value, ratio, p, verdict, "per_1000_gpu_days", old, new, *limits)

    changes = [
        tested("faults", (22, 112_000.0), (40, 118_204.5), 1.72, 0.047, "no change shown", (1.0, 3.05)),
        tested("interruptions", (31, 96_000.0), (61, 101_870.25), 1.85, 0.0049, "worse", (1.19, 2.95)),
        tested("degradations", (60, 112_000.0), (33, 118_204.5), 0.52, 0.0024, "better", (0.33, 0.81)),
        tested("user", (2, 112_000.0), (9, 118_204.5), 4.26, 0.07, "no change shown", (0.88, 40.5)),
        model.Change("availability", 0.9911, 0.9871, 0.996, None, "not tested", "share"),
        model.Change("time to repair of a job, median", 2_400.0, 1_620.0, 0.675, None, "not tested", "seconds"),
        model.Change("goodput", None, 0.805, None, None, "not tested", "share"),
    ]
    return model.Comparison(_at(-30), _at(0), changes, ["leaf switch down", EVIL], ["power supply"])


def thin() -> model.ClusterReport:
    """An hour of one node without a GPU, and nothing happened."""
    cluster = bare("this-machine", model.GpuDays(None, None, None))
    coverage = model.Coverage(
        "observed", 1.0, 1, 62, 62, 744, 744, 0, 0, 0, 0, ["gpu:no_driver"], "0 GPUs seen: no driver"
    )
    return replace(cluster, window=model.Window(_at(0), _at(1 / 24), 1.03), coverage=coverage)


def imported() -> model.ClusterReport:
    """The counts of a published run."""
    cluster = bare("llama3-405b", model.GpuDays(884_736.0, 884_736.0, 884_736.0), faults=356, unknown=7, stops=419)
    causes = [("Faulty GPU", "hardware", "GPU", 148), ("GPU HBM3 memory", "hardware", "GPU", 72), ("Software bug", "software", "software", 54),
              ("Network switch/cable", "network", "network", 35), ("Host maintenance", "maintenance", "host", 32)]  # fmt: skip
    by_cause = [model.Cause(*entry, entry[3] / 419) for entry in causes]
    groups = [model.Group("GPU", 268, 268 / 419), model.Group("host", 64, 64 / 419)]
    stops = replace(cluster.interruptions, by_cause=by_cause, by_category=groups)
    return replace(
        cluster,
        interruptions=stops,
        window=model.Window("1970-01-01T00:00:00.000Z", "1970-02-24T00:00:00.000Z", 1296.0),
    )


def bare(name: str, days: model.GpuDays, faults: int = 0, unknown: int = 0, stops: int = 0) -> model.ClusterReport:
    """A cluster of which nothing but counts and exposure is known."""
    rate = rate_of(faults, days.in_service, "in_service")
    hours = UNKNOWN_HOURS
    if days.in_service and faults:
        hours = _hours(24e3 / (rate.value or 1), 24e3 / (rate.high or 1), 24e3 / (rate.low or 1))
    return model.ClusterReport(
        name,
        model.Window(_at(0), _at(30), 720.0),
        model.Faults(
            faults, days, rate,
            [rate_of(faults, d, b) for d, b in ((days.in_service, "in_service"), (days.capacity, "capacity"), (days.allocated, "allocated"))],
            [], [verdict_of(faults, unknown, days.in_service or 0.0, target, covered=True) for target in (0.16, 0.48)],
            unknown, unknown / stops if stops else None, 0, 0, 0,
            model_faults.Dispersion(None, 0, None, None, False, None, None, None, "not estimated"),
            model_faults.Concentration(0, [], False), [], 0,
        ),
        model.Interruptions(
            stops, rate_of(stops, days.allocated, "allocated"),
            rate_of(stops, None if days.allocated is None else days.allocated / 8, "allocated, 8 GPUs a node"), 8,
            1296 / stops if stops else None, [], [], [], _line(stops, days.allocated, "allocated"), 1296 / stops if stops else None,
        ),
        model.Lines(*(_line(0, days.in_service) for _ in range(7))),
        model.Coverage("imported", None, 0, 0, 0, 0, 0, 0, 0, None, None, [], "exposure as stated by the import; nothing was observed"),
        [], [], [], [], [], [], model_faults.Trend(1, [], []),
        model_times.Times(
            hours, [], model_times.Mttr([], NONE, NONE), model_times.Availability(None, None),
            model_times.Ettr(None, None, None, None, 0, "no job marked its steps"),
            model_times.Goodput(None, [], 0.0, "no job marked its steps"),
            model_times.Checkpoints(0, 0, NONE, NONE, NONE, None, None, None, [], ""), [],
        ),
        [], [], [], [], [], unmeasured("not measured"), None, [],
    )  # fmt: skip
