"""Wait against transfer, the slow rank, bandwidth and the tables, from ranks with known calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusterctl.communication.collectives import element_bytes, shape_of, size_class
from clusterctl.communication.damage import Damaged
from clusterctl.communication.model import Analysis
from tests.support.traces import COPY, FUSED, GEMM, NCCL, PEER, Work, collective, kineto, us, work, write
from tests.unit.test_comm_measure import measured

KIB, MIB = 1 << 10, 1 << 20


def waits(found: Analysis) -> list[int | None]:
    return [row.wait_ns for row in found.ranks]


def test_numbers_match_calls_whatever_their_order_and_number(tmp_path: Path) -> None:
    """Rank 0 was profiled one call earlier; by order alone every call would meet its neighbour."""
    first = [collective(0, 10, sequence=6), collective(100, 190, sequence=7), collective(200, 230, sequence=8)]
    second = [collective(5_100, 5_130, sequence=7), collective(5_200, 5_280, sequence=8)]
    found = measured(*write(tmp_path, [first, second]))
    assert waits(found) == [60, 50]
    assert found.waiting.calls == {"complete": 4, "partial": 0, "bound": 0, "unmatched": 1}
    assert found.waiting.methods == ["number of the call"]


def test_groups_of_the_same_calls_do_not_meet(tmp_path: Path) -> None:
    lengths = [40, 10, 90, 20]
    ranks = [[collective(0, length, group=str(rank // 2), sequence=1)] for rank, length in enumerate(lengths)]
    assert waits(measured(*write(tmp_path, ranks))) == [30, 0, 70, 0]


def test_without_numbers_the_order_of_equal_calls_counts(tmp_path: Path) -> None:
    ranks = [
        [collective(0, 50, elements=8), collective(60, 100, elements=9), collective(200, 230, elements=8)],
        [collective(0, 20, elements=8), collective(30, 40, elements=9), collective(50, 90, elements=8)],
    ]
    found = measured(*write(tmp_path, ranks))
    assert waits(found) == [30 + 30, 10]
    assert found.waiting.methods == ["order of launch"]


def test_where_counts_differ_only_steps_that_agree_are_matched(tmp_path: Path) -> None:
    steps = [(1, 0, 1000), (2, 1000, 2000)]
    ranks = [
        [collective(10, 60), collective(1_010, 1_030), collective(1_100, 1_200)],
        [collective(10, 30), collective(1_010, 1_100)],
    ]
    found = measured(*write(tmp_path, ranks, steps=steps))
    assert waits(found) == [30, 0]
    assert found.waiting.calls["unmatched"] == 3


def test_calls_without_a_communicator_are_matched_over_all_ranks_and_that_is_said(tmp_path: Path) -> None:
    ranks = [[work(NCCL, 0, 50)], [work(NCCL, 0, 20)], [work(GEMM, 0, 20)]]
    assert waits(measured(*write(tmp_path, ranks))) == [None, None, 0], "a rank has none of them: not one communicator"
    found = measured(*write(tmp_path, [[work(NCCL, 0, 50)], [work(NCCL, 0, 20)]]))
    assert waits(found) == [30, 0]
    assert any("as if all ranks shared one" in note for note in found.notes)


def test_a_call_seen_on_some_of_its_ranks_is_partial(tmp_path: Path) -> None:
    found = measured(*write(tmp_path, [[collective(0, n, size=8, sequence=1, elements=MIB)] for n in (50, 20)]))
    assert (waits(found), found.waiting.calls["partial"]) == ([30, 0], 2)
    assert found.bandwidth[0].basis == "duration", "the transfer is only an upper bound"


def test_all_to_all_is_a_bound_and_blames_nobody(tmp_path: Path) -> None:
    found = measured(*write(tmp_path, [[collective(0, n, name="all_to_allv", sequence=1)] for n in (100, 10)]))
    assert found.waiting.calls["bound"] == 2
    assert found.waiting.dominates is False or found.waiting.slow_rank is None
    assert found.bandwidth[0].basis == "duration"


def test_sends_meet_receives_of_the_same_pair(tmp_path: Path) -> None:
    pair = {"Src Rank": 0, "Dst Rank": 1}
    ranks = [
        [
            collective(0, 20, name="send", size=4, **pair),
            collective(30, 40, name="send", size=4, **{**pair, "Dst Rank": 2}),
        ],
        [collective(0, 90, name="recv", size=4, **pair)],
        [collective(0, 15, name="recv", size=4, **{**pair, "Dst Rank": 2})],
    ]
    assert waits(measured(*write(tmp_path, ranks))) == [0, 70, 5]


def test_sends_are_matched_by_pair_and_never_by_number(tmp_path: Path) -> None:
    """A rank counts its sends and receives with all peers together, so the numbers of two ranks differ."""
    pair = {"Src Rank": 0, "Dst Rank": 1}
    ranks = [
        [collective(0, 20, name="send", size=4, sequence=7, **pair)],
        [
            collective(0, 50, name="recv", size=4, sequence=3, **pair),
            collective(60, 90, name="recv", size=4, sequence=7),
        ],
    ]
    assert waits(measured(*write(tmp_path, ranks))) == [0, 30]


def test_one_rank_twice_is_not_split(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, length in zip(paths, (50, 20), strict=True):
        path.write_text(kineto([collective(0, length, sequence=1)], rank=0))
    found = measured(*paths)
    assert waits(found) == [None, None]
    assert any("more than once" in note for note in found.notes)


def test_waiting_that_does_not_dominate_or_has_no_single_cause_names_nobody(tmp_path: Path) -> None:
    small = measured(*write(tmp_path, [[collective(0, n, sequence=1)] for n in (100, 90)]))
    assert (small.waiting.dominates, small.waiting.slow_rank) == (False, None)
    assert (small.waiting.waited_for, small.waiting.waited_for_share) == (1, 1.0), "who it is for is told all the same"
    calls = [(100, 10, 100, 100), (100, 100, 10, 100), (100, 100, 100, 10), (10, 100, 100, 100)]
    ranks = [
        [collective(1_000 * n, 1_000 * n + call[rank], sequence=n, size=4) for n, call in enumerate(calls)]
        for rank in range(4)
    ]
    shared = measured(*write(tmp_path, ranks))
    assert (shared.waiting.dominates, shared.waiting.slow_rank) == (True, None)


def test_exposed_is_exposed_waiting_and_exposed_transfer(tmp_path: Path) -> None:
    ranks = [[collective(0, 100, sequence=1), work(GEMM, 50, 90)], [collective(500, 530, sequence=1)]]
    detail = measured(*write(tmp_path, ranks)).details[0]
    assert (detail.exposed_wait_ns, detail.exposed_transfer_ns) == (50, 10), "waits [0, 70), computes [50, 90)"


def test_the_wait_is_clipped_to_the_steps(tmp_path: Path) -> None:
    ranks = [[collective(0, 100, sequence=1)], [collective(50, 80, sequence=1)]]
    found = measured(*write(tmp_path, ranks, steps=[(1, 20, 60), (2, 60, 200)]))
    assert [(row.step, row.wait_ns) for row in found.steps if row.rank == 0] == [(1, 40), (2, 10)]
    assert waits(found)[0] == 50


@pytest.mark.parametrize(
    ("name", "elements", "out", "bus_bytes"),
    [
        ("allreduce", MIB, MIB, 2 * MIB * 2 * 3 / 4),
        ("_allgather_base", MIB, 4 * MIB, 2 * MIB * 4 * 3 / 4),
        ("_reduce_scatter_base", 4 * MIB, MIB, 2 * MIB * 4 * 3 / 4),
        ("broadcast", MIB, MIB, 2 * MIB),
    ],
)
def test_bus_bandwidth_is_of_the_transfer(name: str, elements: int, out: int, bus_bytes: float, tmp_path: Path) -> None:
    lengths = (100_000, 40_000, 50_000, 60_000)
    ranks = [[collective(0, n, name=name, elements=elements, out=out, size=4, sequence=1)] for n in lengths]
    (row,) = measured(*write(tmp_path, ranks)).bandwidth
    assert (row.calls, row.basis) == (4, "transfer")
    assert row.busbw_gbs == pytest.approx(bus_bytes / 40_000)


def test_tables_by_collective_group_and_size(tmp_path: Path) -> None:
    events = [
        collective(0, 100, elements=KIB), collective(50, 200, elements=MIB, group="1"),
        collective(300, 310, name="_allgather_base", elements=MIB), work(GEMM, 0, 50),
        work("void deep_ep::intranode::dispatch<8>(int)", 400, 450), work(PEER, 500, 505),
    ]  # fmt: skip
    found = measured(*write(tmp_path, [events]))
    assert [(row.name, row.calls, row.time_ns, row.exposed_ns) for row in found.collectives] == [
        ("all_reduce", 2, 200, 150), ("DeepEP and kin all_to_all", 1, 50, 50), ("all_gather", 1, 10, 10),
        ("peer copy", 1, 5, 5),
    ]  # fmt: skip
    assert {row.name: row.time_ns for row in found.groups} == {"pg0": 110, "pg1": 150, "not told": 55}
    assert {row.name: (row.calls, row.message_bytes) for row in found.sizes} == {
        "under 64 KiB": (1, 2 * KIB), "1 to 16 MiB": (2, 4 * MIB), "unknown size": (2, None),
    }  # fmt: skip


def test_what_the_profiler_tells_beats_the_name(tmp_path: Path) -> None:
    found = measured(*write(tmp_path, [[collective(0, 50, kernel="warp_drive_42", elements=MIB)]]))
    assert (found.ranks[0].comm_ns, found.ranks[0].unplaced_kernels) == (50, [])
    assert found.details[0].families == {"told by the profiler": 50}


def test_a_local_copy_is_memory_even_if_a_collective_made_it(tmp_path: Path) -> None:
    told = {"Collective name": "allgather", "Group size": 1}
    events = [
        Work(COPY, 0, 10, "gpu_memcpy", args=told),
        Work(PEER, 20, 10, "gpu_memcpy", args={**told, "Group size": 2}),
    ]
    (row,) = measured(*write(tmp_path, [events])).ranks
    assert (row.memory_ns, row.comm_ns) == (10, 10)


def test_collectives_on_the_cpu_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(kineto([work(GEMM, 0, 100), Work("gloo:all_reduce", 20, 30, cat="cpu_op")]))
    found = measured(path)
    assert (found.ranks[0].comm_ns, found.details[0].cpu_comm_ns) == (0, 30)


def test_several_gpus_in_one_trace_are_several_ranks(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(kineto([work(NCCL, 0, 50, device=0), work(NCCL, 10, 30, device=3)]))
    found = measured(path)
    assert [(row.rank, row.comm_ns) for row in found.ranks] == [(0, 50), (3, 20)]
    assert waits(found) == [30, 0]


def test_events_that_do_not_tell_their_gpu_are_of_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    untold = Work(NCCL, 0, 50, args={"device": None})
    path.write_text(kineto([untold, work(GEMM, 60, 100)]))
    assert [(row.rank, row.comm_ns) for row in measured(path).ranks] == [(0, 50)]
    path.write_text(kineto([untold, work(GEMM, 60, 100), work(GEMM, 60, 100, device=1)]))
    found = measured(path)
    assert [row.comm_ns for row in found.ranks] == [0, 0]
    assert found.details[0].left_out == {"GPU events that do not tell which GPU": 1}


def test_names_of_files_count_where_traces_tell_one_rank_twice(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"rank_{number}.json").write_text(kineto([work(NCCL, 0, 10)], rank=0))
    found = measured(tmp_path)
    assert ([row.rank for row in found.ranks], found.details[0].rank_from) == ([0, 1], "file name")


def test_steps_are_spread_over_ranks(tmp_path: Path) -> None:
    ranks = [[work(NCCL, 0, n), work(GEMM, 100, 100 + n)] for n in (10, 40)]
    first, second = measured(*write(tmp_path, ranks, steps=[(4, 0, 100), (5, 100, 200)])).over_steps
    assert (first.step, first.exposed_ratio.mean, first.exposed_ratio.max, first.exposed_ratio.ranks) == (
        4,
        0.25,
        0.4,
        2,
    )
    assert (second.exposed_ratio.max, second.idle_ratio.min, second.window_ns.mean) == (0, 0.6, 100)


def test_a_step_has_every_part_over_its_ranks(tmp_path: Path) -> None:
    """A collective of 60 on rank 0 and of 20 on rank 1, ten of it under compute on rank 0; a fused kernel and a copy each."""
    more = [work(FUSED, 70, 75), work(COPY, 80, 90)]
    ranks = [[collective(0, 60, sequence=1), work(GEMM, 50, 70), *more], [collective(40, 60, sequence=1), *more]]
    found = measured(*write(tmp_path, ranks, steps=[(1, 0, 100)]))
    first, second = found.steps
    assert (first.wait_ns, first.transfer_ns, first.exposed_wait_ns, first.fused_ns) == (40, 20, 40, 5)
    assert (first.overlap_ratio, second.overlap_ratio, second.wait_ns, second.transfer_ns) == (10 / 60, 0, 0, 20)
    assert (first.exposed_memory_ns, first.memory_ns) == (10, 10)
    (step,) = found.over_steps
    parts = (step.wait_ratio, step.transfer_ratio, step.overlap_ratio, step.fused_ratio, step.memory_ratio)
    means = [part.mean for part in parts if part is not None]
    assert means == pytest.approx([0.2, 0.2, 1 / 12, 0.05, 0.1])
    assert step.wait_ratio == found.over_ranks["wait_ratio"]
    assert (found.over_ranks["memory_ratio"].max, found.over_ranks["compute_ratio"].max) == (0.1, 0.25)


def test_a_step_of_ranks_that_nobody_waits_for_knows_no_waiting(tmp_path: Path) -> None:
    (step,) = measured(*write(tmp_path, [[work(NCCL, 0, 10)]], steps=[(1, 0, 100)])).over_steps
    assert (step.wait_ratio, step.transfer_ratio, step.exposed_wait_ratio) == (None, None, None)


def test_ranks_are_spread_and_the_slowest_named(tmp_path: Path) -> None:
    ranks = [[work(NCCL, 0, n), work(GEMM, n, 100)] for n in (10, 20, 60)]
    found = measured(*write(tmp_path, ranks))
    spread = found.over_ranks["exposed_ratio"]
    assert (spread.mean, spread.min, spread.median, spread.max) == pytest.approx((0.3, 0.1, 0.2, 0.6))
    assert found.slowest == [2, 1, 0]


def test_words_for_collectives_types_and_sizes() -> None:
    told = {"nccl:_all_gather_base": "all_gather", "reduce_scatter_tensor_coalesced": "reduce_scatter", "barrier": "barrier",
            "ncclDevKernel_SendRecv(x)": "send_recv", "gather": "gather", "scatter": "scatter", "reduce": "reduce",
            "alltoall_base": "all_to_all", "unheard": "other"}  # fmt: skip
    assert {name: shape_of(name).name for name in told} == told
    names = ("BFloat16", "Float", "torch.float8_e4m3fn", "Long", "ncclFloat32", "9", "odd")
    assert [element_bytes(name) for name in names] == [2, 4, 1, 8, 4, 2, None]
    assert [size_class(n) for n in (None, 0, 64 * KIB, 300 * MIB)] == [
        "unknown size", "under 64 KiB", "64 KiB to 1 MiB", "256 MiB and over",
    ]  # fmt: skip
    assert us(-1_500) == "-1.500"


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    ranks = [[collective(0, 50 + 10 * rank, sequence=1, size=3), work(GEMM, 20, 40)] for rank in range(3)]
    paths = write(tmp_path, ranks)
    assert measured(*paths, jobs=3) == measured(*paths, jobs=1)
    paths[1].write_text(paths[1].read_text()[:-90])
    with pytest.raises(Damaged) as alone:
        measured(*paths, jobs=1)
    with pytest.raises(Damaged) as together:
        measured(*paths, jobs=3)
    assert (str(alone.value), alone.value.hint) == (str(together.value), together.value.hint)
