"""From one NVML reading to rows and events: what is told, when, and how often."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterctl.agent.facts import Facts
from clusterctl.agent.gpu import GpuReading
from clusterctl.agent.gpu_rows import LINK_EVERY_MS, GpuNews, LinkBook, mig_pids_of, pids_of, sample_rows
from clusterctl.schema import GPU_HEALTH, GPU_LINK_SAMPLE, GPU_SAMPLE, MIG_SAMPLE
from clusterctl.wire import decode, encode
from tests.support.clock import HandClock

NOBODY = (None, None)


def gpu(number: int, **more: Any) -> dict[str, Any]:
    found = {"uuid": f"GPU-{number}", "index": number, "pci": f"0000:4{number}:00.0", "lost": False, "sample": {}}
    return {**found, **more}


def news() -> GpuNews:
    return GpuNews(Facts(HandClock()), hung_after_s=5.0)


def told(rows: list[Any]) -> list[tuple[str, str, str, str]]:
    return [(row.kind, row.code, row.severity, row.gpu_uuid) for row in rows]


def test_every_gpu_has_a_row_and_one_that_is_silent_has_no_readings() -> None:
    reading = GpuReading(gpus=[gpu(0, sample={"power_mw": 5}), gpu(1, lost=True)])
    rows: Any = sample_rows(reading, 7, lambda _: ("123", "slurm"), lambda _: NOBODY)[GPU_SAMPLE]
    assert [(row.ts, row.gpu_uuid, row.power_mw, row.job_id) for row in rows] == [
        (7, "GPU-0", 5, "123"),
        (7, "GPU-1", None, "123"),
    ]


def test_slower_tables_have_rows_only_when_their_tier_was_read() -> None:
    fast = GpuReading(gpus=[gpu(0)])
    slow = GpuReading(
        gpus=[gpu(0, links={"nvlink_links": 18, "nvlink_unheard_of": 1}, health={"ecc_enabled": 1}, pids=[7])]
    )
    owner = lambda _: NOBODY  # noqa: E731
    assert [len(rows) for rows in sample_rows(fast, 1, owner, owner).values()] == [1, 0, 0, 0]
    rows = sample_rows(slow, 1, owner, owner)
    assert [len(rows[table]) for table in (GPU_SAMPLE, GPU_LINK_SAMPLE, GPU_HEALTH, MIG_SAMPLE)] == [1, 1, 1, 0]
    assert rows[GPU_LINK_SAMPLE][0].nvlink_links == 18  # type: ignore[attr-defined]


def test_mig_devices_belong_to_whoever_holds_them() -> None:
    device = {"mig_uuid": "MIG-1", "gpu_instance": 1, "compute_instance": 0, "memory_used_bytes": 9, "pids": [4]}
    reading = GpuReading(gpus=[gpu(0, pids=[4], mig=[device])])
    row: Any = sample_rows(reading, 1, lambda _: NOBODY, {"MIG-1": ("9", "slurm")}.__getitem__)[MIG_SAMPLE][0]
    assert (row.mig_uuid, row.gpu_instance, row.memory_used_bytes, row.job_id) == ("MIG-1", 1, 9, "9")
    assert (pids_of(reading), mig_pids_of(reading)) == ({"GPU-0": [4]}, {"MIG-1": [4]})


def test_processes_that_nvml_does_not_tell_are_not_none_at_all() -> None:
    assert pids_of(GpuReading(gpus=[gpu(0, pids=None), gpu(1, pids=[])])) == {"GPU-1": []}


def links(**changed: Any) -> GpuReading:
    return GpuReading(
        gpus=[gpu(0, nvlinks=[{"link": n, "link_state": 1, "crc_errors": 0, **changed} for n in range(18)])]
    )


def test_links_are_told_when_they_change_and_every_ten_minutes() -> None:
    book = LinkBook()
    assert len(book.rows(links(), 0)) == 18
    assert book.rows(links(fec_0=5, effective_ber=1e-15), 10_000) == [], "corrected symbols come and go"
    assert len(book.rows(links(crc_errors=1), 20_000)) == 18
    assert book.rows(links(crc_errors=1), 30_000) == []
    assert len(book.rows(links(crc_errors=1), 20_000 + LINK_EVERY_MS)) == 18


def test_a_lost_gpu_and_a_hung_one_are_told_once_each() -> None:
    book = news()
    lost = GpuReading(gpus=[gpu(0), gpu(1, lost=True)])
    assert told(book.events(lost, 0.0)) == [("gpu_lost", "", "fail", "GPU-1")]
    assert told(book.events(lost, 1.0)) == []
    stuck = GpuReading(gpus=[gpu(0)], stuck_s={"GPU-0": 4.9})
    assert told(book.events(stuck, 2.0)) == [], "not yet"
    hung = GpuReading(gpus=[gpu(0)], stuck_s={"GPU-0": 5.1})
    assert told(book.events(hung, 3.0)) == [("nvml_hung", "", "fail", "GPU-0")]
    assert told(book.events(hung, 4.0)) == []
    assert book.hung == {"GPU-0"}
    assert told(book.events(GpuReading(missing="released"), 5.0)) == [], "nobody asked it: it is not back"
    assert told(book.events(GpuReading(gpus=[gpu(0)]), 5.0)) == [], "nor did it answer"
    assert told(book.events(GpuReading(gpus=[gpu(0, sample={"temp_c": 40})]), 6.0)) == [
        ("nvml_back", "", "info", "GPU-0")
    ]
    assert book.hung == set()


def test_one_that_hangs_while_it_is_being_found_has_its_index() -> None:
    book = news()
    found = told(book.events(GpuReading(gpus=[gpu(0)], stuck_s={"index 3": 6.0}), 0.0))
    assert found == [("nvml_hung", "index 3", "fail", "")]
    assert told(book.events(GpuReading(gpus=[gpu(0), gpu(3)]), 1.0)) == [("nvml_back", "index 3", "info", "")]
    assert book.hung == set()


def test_a_key_that_no_column_carries_costs_its_row_only() -> None:
    device = {"mig_uuid": "MIG-1", "gpu_instance": 2**32 - 1, "compute_instance": 0, "pids": []}
    good = {**device, "mig_uuid": "MIG-2", "gpu_instance": 1}
    rows: Any = sample_rows(GpuReading(gpus=[gpu(0, mig=[device, good])]), 1, lambda _: NOBODY, lambda _: NOBODY)[
        MIG_SAMPLE
    ]
    assert [row.mig_uuid for row in rows] == ["MIG-2"]


def test_a_clock_set_back_does_not_silence_links() -> None:
    book = LinkBook()
    assert len(book.rows(links(), 10**12)) == 18
    assert len(book.rows(links(), 1_000)) == 18


def test_a_worker_that_hangs_whole_is_told_once() -> None:
    book = news()
    assert told(book.events(GpuReading(missing="nvml_hung"), 0.0)) == [("nvml_hung", "", "fail", "")]
    assert told(book.events(GpuReading(missing="nvml_hung"), 1.0)) == []


def test_nvml_events_meet_the_log_under_its_names() -> None:
    events = [
        {"kind": "xid", "data": 48, "gpu_uuid": "GPU-0", "pci": "0000:40:00.0", "gpu_instance": 2},
        {"kind": "dram_retirement", "data": 1, "gpu_uuid": "GPU-0", "pci": "0000:40:00.0"},
    ]
    rows: Any = news().events(GpuReading(gpus=[gpu(0)], events=events, driver_events=["bind"]), 0.0)
    assert [(r.kind, r.code, r.severity, r.source) for r in rows] == [
        ("xid", "48", "fail", "nvml"), ("nvml", "dram_retirement", "warn", "nvml"), ("driver", "bind", "info", "nvml")
    ]  # fmt: skip
    assert json.loads(rows[0].fields) == {"gpu_instance": 2}
    assert len({row.source_seq for row in rows}) == 3


def test_return_codes_that_are_facts_are_told_once_an_hour() -> None:
    book = news()
    failing = GpuReading(gpus=[gpu(0, errors=[[4, "nvmlDeviceGetSramEccErrorStatus"]])])
    assert told(book.events(failing, 0.0)) == [("nvml_error", "4", "warn", "GPU-0")]
    assert told(book.events(failing, 3_599.0)) == []
    assert len(book.events(failing, 3_601.0)) == 1


def test_answering_counts_neither_the_lost_nor_the_stuck() -> None:
    reading = GpuReading(gpus=[gpu(0), gpu(1, lost=True), gpu(2)], stuck_s={"GPU-2": 0.4})
    assert reading.answering == 1


@given(st.data())
def test_whatever_a_driver_answers_the_batch_travels(data: st.DataObject) -> None:
    """A value that its column cannot carry is missing; its neighbours are there."""
    for table, part in ((GPU_SAMPLE, "sample"), (GPU_LINK_SAMPLE, "links"), (GPU_HEALTH, "health")):
        names = [f.name for f in table.fields if f.nullable and f.type.python is not str]
        odd = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
        values = data.draw(st.dictionaries(st.sampled_from(names), odd, max_size=5))
        rows = sample_rows(GpuReading(gpus=[gpu(0, **{part: values})]), 1, lambda _: NOBODY, lambda _: NOBODY)
        back = decode(encode(table, rows[table], cluster="c", host="h", boot_id="b", seq=1, sent_ms=1)).rows[0]
        for name, value in values.items():
            got = getattr(back, name)  # a column of floats has the nearest, one of whole numbers has no fraction
            assert got is None or got == int(value) or got == pytest.approx(value)
