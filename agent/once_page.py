"""One tick for people: a screen of what matters, not of every counter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clusterctl.terminal import Sheet, clean

GIB = 2**30
WORST_FIRST = ("fail", "warn", "unknown", "ok")


def show(tick: dict[str, Any]) -> None:
    """Print a tick: the node, its GPUs, its ports, and what the checks found."""
    sheet = Sheet()
    sheet.title(f"{clean(tick['host'])} in {clean(tick['cluster'])}")
    seen = "unknown" if tick["gpus_seen"] is None else str(tick["gpus_seen"])
    sheet.facts(
        [
            ("GPUs", f"{seen} seen of {tick['gpus_expected']} expected"),
            ("blind", ", ".join(reason.replace("_", " ") for reason in tick["blind"]) or "nothing"),
            *_host(tick["host_sample"]),
        ]
    )
    _gpus(sheet, tick)
    _ports(sheet, tick["nic_sample"])
    _disks(sheet, tick["filesystem_sample"])
    _checks(sheet, tick)


def _host(host: dict[str, Any]) -> list[tuple[str, str]]:
    used = None
    if host["memory_total_bytes"] and host["memory_available_bytes"] is not None:
        used = 1 - host["memory_available_bytes"] / host["memory_total_bytes"]
    clock = {1: "synchronised", 0: "not synchronised", None: "unknown"}[host["clock_synchronized"]]
    return [
        ("CPU", f"{_share(host['cpu_busy_ratio'])} busy, load {_number(host['load_1m'])}"),
        ("memory", f"{_share(used)} of {_gib(host['memory_total_bytes'])}"),
        ("clock", clock),
        ("up for", "unknown" if host["uptime_s"] is None else f"{host['uptime_s'] / 3_600:.1f} h"),
    ]


def _gpus(sheet: Sheet, tick: dict[str, Any]) -> None:
    samples = tick["gpu_sample"]
    if not samples:
        return
    models = {row["subject"]: clean(row["model"], 28) for row in tick["inventory"] if row["subject_kind"] == "gpu"}
    names = sorted({model for model in models.values() if model})
    sheet.title(f"GPUs: {len(samples)} {' and '.join(names)}".rstrip())
    columns = ("gpu", "power", "temp", "margin", "SM MHz", "busy", "memory", "NVLinks", "job")
    links = {row["gpu_uuid"]: row for row in tick["gpu_link_sample"]}
    rows = [_gpu(row, links.get(row["gpu_uuid"], {})) for row in samples]
    sheet.table(columns, rows, right=columns[1:8])


def _gpu(row: dict[str, Any], links: dict[str, Any]) -> Sequence[str]:
    up = links.get("nvlink_active_mask")
    busy = row["sm_active_ratio"] if row["sm_active_ratio"] is not None else row["util_ratio"]
    return (
        str(row["gpu_index"]),
        "?" if row["power_mw"] is None else f"{row['power_mw'] / 1_000:.0f} W",
        _with(row["temp_c"], "°C"),
        _with(row["temp_margin_c"], "°C"),
        _with(row["sm_clock_mhz"], ""),
        _share(busy),
        _gib(row["memory_used_bytes"]),
        "-" if up is None else f"{up.bit_count()}/{links['nvlink_links']}",
        clean(row["job_id"] or "", 24),
    )


def _ports(sheet: Sheet, ports: list[dict[str, Any]]) -> None:
    if not ports:
        return
    sheet.title("Ports")
    words = {1: "up", 0: "down", None: "?"}
    rows = [
        (
            clean(port["port"], 24),
            port["link_layer"],
            words[port["link_up"]],
            "-" if port["rate_mbps"] is None else f"{port['rate_mbps'] / 1_000:g} Gb/s",
            _with(port["link_downed"] if port["link_downed"] is not None else port["carrier_changes"], ""),
            _with(port["symbol_error"] if port["symbol_error"] is not None else port["rx_errors"], ""),
        )
        for port in ports
    ]
    columns = ("port", "layer", "link", "rate", "downs", "errors")
    sheet.table(columns, rows, right=columns[3:])


def _disks(sheet: Sheet, mounts: list[dict[str, Any]]) -> None:
    if not mounts:
        return
    sheet.title("File systems")
    rows = []
    for mount in mounts:
        size, free = mount["size_bytes"], mount["free_bytes"]
        used = _share(1 - free / size) if size and free is not None else "?"
        state = "hung" if mount["hung"] else "read-only" if mount["read_only"] else "ok"
        rows.append((clean(mount["mount"], 40), clean(mount["fstype"], 12), used, _gib(size), state))
    sheet.table(("mount", "type", "used", "size", "state"), rows, right=("used", "size"))


def _checks(sheet: Sheet, tick: dict[str, Any]) -> None:
    verdicts: list[dict[str, str]] = tick["verdicts"]
    counts = {state: sum(v["state"] == state for v in verdicts) for state in WORST_FIRST}
    sheet.title("Checks: " + ", ".join(f"{count} {state}" for state, count in counts.items() if count))
    gpus = {row["gpu_uuid"]: f"GPU {row['gpu_index']}" for row in tick["gpu_sample"]}
    found = sorted((v for v in verdicts if v["state"] in ("fail", "warn")), key=lambda v: WORST_FIRST.index(v["state"]))
    if found:
        rows = [
            (
                v["state"],
                v["check"].replace("_", " "),
                clean(gpus.get(v["subject"], v["subject"]), 44),
                clean(v["detail"]),
                v["action"].replace("_", " "),
            )
            for v in found
        ]
        sheet.table(("state", "check", "where", "what", "do"), rows)
    if counts["unknown"]:
        sheet.line(
            "Unknown: what this node does not have, and what takes some minutes to judge; see agent status.", "dim"
        )


def _share(ratio: float | None) -> str:
    return "?" if ratio is None else f"{100 * ratio:.0f} %"


def _gib(size: int | None) -> str:
    return "?" if size is None else f"{size / GIB:,.1f} GiB"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.1f}"


def _with(value: Any, unit: str) -> str:
    return "?" if value is None else f"{value} {unit}".strip()
