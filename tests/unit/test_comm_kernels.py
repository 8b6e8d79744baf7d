"""Which kernels communicate: names as compilers and libraries write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusterctl.communication.activity import Kind
from clusterctl.communication.families import load, place_copy, shipped
from clusterctl.errors import InputError

COMM = {
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)": "NCCL",
    "ncclKernel_AllGather_RING_LL_Sum_int8_t(ncclDevComm*, unsigned long, ncclWork*)": "NCCL",
    "ncclAllReduceRingLLKernel_sum_f32(ncclColl)": "NCCL",
    "ncclSymkDevKernel_AllGather_LSA(ncclSymkDevWorkArgs4K)": "NCCL",
    "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<4096ul>)": "NCCL",
    "rcclGenericKernel<1, false>(ncclDevKernelArgsStorage<4096ul>)": "RCCL and MSCCL",
    "mscclKernel_Sum_half_LL(ncclDevComm*, mscclAlgo*)": "RCCL and MSCCL",
    "void deep_ep::intranode::dispatch<8, 768, 8192>(int4*, float*, int)": "DeepEP and kin",
    "void deep_ep::internode_ll::combine<false, 7168, 9>(void*, int)": "DeepEP and kin",
    "void deep_ep::internode::notify_dispatch<false, 4>(int const*, int*)": "DeepEP and kin",
    "_ZN7deep_ep9intranode7combineI13__nv_bfloat16Li8EEEvPT_": "DeepEP and kin",
    "void internode_ll::dispatch<false>(void*, float*)": "DeepEP and kin",
    "void uccl::ep::internode::combine<4>(int4*)": "DeepEP and kin",
    "void pplx::a2a_dispatchKernel<8>(int)": "pplx",
    "void nvshmemi_put_kernel(int)": "NVSHMEM",
    "void barrier_on_stream_kernel_threadgroup(int, int)": "NVSHMEM",
    "rocshmem_alltoall_kernel(int)": "rocSHMEM",
    "mscclpp_allreduce(void*)": "MSCCL++",
    "userbuffers_fp16_sum_inplace_gpu_rr_rs_oop<8>(int, int)": "TE userbuffers",
    "kuserbuffers_pushrecv(int, int)": "TE userbuffers",
    "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 8>(RankData*, RankSignals)": "custom all-reduce",
    "void vllm::cross_device_reduce_2stage<half, 8>(RankData*)": "custom all-reduce",
    "void quickreduce::allreduce_prototype_twoshot<half>(half const*)": "custom all-reduce",
    "void tensorrt_llm::kernels::oneShotAllReduceKernel<half, 8>(Params)": "custom all-reduce",
    "multimem_all_reduce_kernel<c10::BFloat16, 16>(float*)": "torch symmetric memory",
    "one_shot_all_reduce_kernel<c10::BFloat16, 16, 8>(float**)": "torch symmetric memory",
    "void tensorrt_llm::kernels::moe_a2a::moeA2ADispatchKernel<8>(Params)": "MoE all-to-all",
    "bytedance::flux::CudaIpcBarrierAllKernel(int)": "FLUX",
    "custom::all_gather_kernel(float*)": "generic",
    "gloo_reduce(float*)": "Gloo, HCCL, oneCCL",
}
FUSED = (
    "void flashinfer::trtllm_allreduce_fusion::allreduce_fusion_kernel_oneshot_lamport<4>(Params)",
    "gemm_all_reduce_persistent_kernel",
    "ag_gemm_consumer",
    "void aiter::cross_device_reduce_1stage_rmsnorm<half>(int)",
)
LOCAL = (
    "void deep_ep::intranode::get_dispatch_layout<256>(int const*)",
    "void deep_ep::internode_ll::clean_low_latency_buffer<256>(int*)",
)
COMPUTE = (
    "void flash::flash_fwd_splitkv_combine_kernel<Flash_fwd_kernel_traits<128>>(Params)",
    "void cublasLt::splitKreduce_kernel<32, 16, int, float>(cublasSplitKParams<float>)",
    "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float>>(at::native::ReduceOp<float>)",
    "void cudnn::bn_fw_tr_1C11_kernel_NCHW<float>(cudnnTensorStruct)",
    "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64_cublas",
    "triton_poi_fused_add_mul_0",
    "Cijk_Ailk_Bljk_HHS_BH_MT128x128x32_MI32x32x8x1",
    "void vllm::rms_norm_kernel<c10::BFloat16>(c10::BFloat16*)",
    "void at::native::batch_norm_collect_statistics_kernel<InvStd, float>(float)",
)
UNPLACED = ("dispatch", "combine", "sync", "reduce", "moe_permute_kernel", "finalizeMoeRoutingKernel", "mystery", "")


@pytest.mark.parametrize("name", COMM)
def test_kernels_that_communicate(name: str) -> None:
    placed = shipped().place(name)
    assert (placed.kind, placed.family) == (Kind.COMM, COMM[name])


@pytest.mark.parametrize(
    ("names", "kind"),
    [(FUSED, Kind.FUSED), (LOCAL, Kind.LOCAL), (COMPUTE, Kind.COMPUTE)],
    ids=["fused", "local", "compute"],
)
def test_kernels_that_do_not_count_as_communication(names: tuple[str, ...], kind: Kind) -> None:
    for name in names:
        placed = shipped().place(name)
        assert placed.kind is kind, name
        assert placed.family, f"{name} is known"


@pytest.mark.parametrize("name", UNPLACED)
def test_a_bare_word_is_never_enough(name: str) -> None:
    placed = shipped().place(name)
    assert (placed.kind, placed.family) == (Kind.COMPUTE, "")


def test_copies() -> None:
    assert place_copy("Memcpy PtoP (Device -> Device)").kind is Kind.COMM
    assert place_copy("Memcpy HtoD (Pinned -> Device)").kind is Kind.MEMORY
    assert place_copy("Memset (Device)").kind is Kind.MEMORY
    for name in ("__amd_rocclr_copyBuffer", "__amd_rocclr_fillBufferAligned.kd", "MEMORY_COPY_DEVICE_TO_DEVICE"):
        assert shipped().place(name).kind is Kind.MEMORY


def test_a_site_has_the_first_word_and_the_version_says_so(tmp_path: Path) -> None:
    path = tmp_path / "site.csv"
    path.write_text(
        "class,family,pattern,source\ncomm,ours,warp_drive,our library\ncompute,ours too,^ncclSelfTest,us\n"
    )
    table = load(path)
    assert table.place("warp_drive_send").family == "ours"
    assert table.place("ncclSelfTest").kind is Kind.COMPUTE
    assert table.version.startswith(shipped().version + "+site:")
    assert load(None) is shipped()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class,family,pattern\n", "line 1: expected the columns"),
        ("class,family,pattern,source\nnoise,a,b,c\n", "line 2: class is one of"),
        ("class,family,pattern,source\ncomm,a,(,c\n", "line 2: not a regular expression"),
        ("class,family,pattern,source\ncomm,a,,c\n", "line 2: a rule has a family and a pattern"),
    ],
)
def test_a_sites_table_that_cannot_be_used_is_named_by_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "site.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="byte 0: not UTF-8"):
        load(path)
