"""Faults of the fake NVML through the real pynvml: codes, delays, hangs, lost and gone GPUs, events, MIG and GPM."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fake_nvml import FakeNvml, compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler")
NO, BAD = "code 3", "code 2"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nvml")


@pytest.fixture
def nvml(folder: Path, tmp_path: Path) -> FakeNvml:
    return FakeNvml(folder / "new", scenario=tmp_path / "scenario")


def test_a_function_returns_the_code_that_was_said(nvml: FakeNvml) -> None:
    nvml.say("gpus 2 h100", "call 1 nvmlDeviceGetComputeRunningProcesses code 4", "call all nvmlDeviceGetCount_v2 code 999",
             "call 1 nvmlDeviceGetPowerUsage code 16")  # fmt: skip
    script = """
out = [[ask(n.nvmlDeviceGetComputeRunningProcesses, gpu(i)), ask(n.nvmlDeviceGetPowerUsage, gpu(i))] for i in (0, 1)]
out.append(ask(n.nvmlDeviceGetCount))
"""
    assert nvml.probe(script) == [[[], 632000], ["code 4", "code 16"], "code 999"]


@pytest.mark.parametrize(
    ("line", "code"), [("no_driver", 9), ("init_code 18", 18), ("gpus 8 h900", 17), ("temp 60", 17)]
)
def test_init_fails_as_said_and_a_typing_mistake_fails_everything(nvml: FakeNvml, line: str, code: int) -> None:
    nvml.say(line)
    assert nvml.probe("out = ask(n.nvmlInit)", init=False) == f"code {code}"


def test_nothing_answers_before_init_and_after_shutdown(nvml: FakeNvml) -> None:
    nvml.say("gpus 1 h100")
    script = """
h = gpu(); n.nvmlShutdown(); out = [ask(n.nvmlDeviceGetPowerUsage, h), ask(n.nvmlDeviceGetCount)]
n.nvmlInit(); out.append(n.nvmlDeviceGetCount())
say("no_driver"); out.append(ask(n.nvmlDeviceGetCount))
"""
    assert nvml.probe(script) == ["code 1", "code 1", 1, "code 9"]


def test_latency_really_passes_and_fields_report_it(nvml: FakeNvml) -> None:
    nvml.say("gpus 1 h100", "latency 0 nvmlDeviceGetPowerUsage 60000", "latency all field:82 40000")
    script = """
h = gpu(); slow = timed(n.nvmlDeviceGetPowerUsage, h)[1]; quick = timed(n.nvmlDeviceGetTemperature, h, 0)[1]
values, took = timed(n.nvmlDeviceGetFieldValues, h, [186, 82, 83])
window = timed(n.nvmlDeviceGetPcieThroughput, h, 0)[1]
out = [slow, quick, took, window, [v.latencyUsec for v in values], values[0].timestamp / 1e6 - time.time()]
"""
    slow, quick, took, window, latencies, age = nvml.probe(script)
    assert 0.06 <= slow < 1
    assert 0.04 <= took < 1
    assert quick < slow
    assert window >= 0.02, "NVML blocks for its window of 20 ms"
    assert latencies == [1, 40_000, 1]
    assert abs(age) < 1


def test_one_gpu_hangs_alone_until_it_is_cured(nvml: FakeNvml) -> None:
    nvml.say("gpus 2 h100", "hang 1 *")
    script = """
ends = []
def stuck():
    ends.append(ask(n.nvmlDeviceGetPowerUsage, bad))
good, bad = gpu(0), gpu(1)
thread = threading.Thread(target=stuck); thread.start(); time.sleep(0.1)
others = [n.nvmlDeviceGetPowerUsage(good) for _ in range(1000)]
out = [thread.is_alive(), len(others), n.nvmlDeviceGetUUID(bad)]
say("gpus 2 h100"); thread.join(2)
out += [ends, n.nvmlDeviceGetPowerUsage(bad)]
"""
    uuid = "GPU-00000000-0000-0000-0000-000000000001"
    assert nvml.probe(script) == [True, 1000, uuid, ["code 999"], 632000]


def test_one_function_hangs_and_init_hangs(nvml: FakeNvml) -> None:
    nvml.say("gpus 1 h100", "hang init")
    script = """
def cure(*lines):
    threading.Timer(0.1, say, lines).start()
cure("gpus 1 h100", "hang 0 nvmlDeviceGetFieldValues")
out = [timed(n.nvmlInit), ask(n.nvmlInit)]
out.append(n.nvmlDeviceGetPowerUsage(gpu()))
cure("gpus 1 h100")
out.append(timed(fields, gpu(), 186))
"""
    init, again, power, (values, took) = nvml.probe(script, init=False)
    assert (init[0], again, power, values) == ("code 999", None, 632000, ["code 999"])
    assert init[1] > 0.09
    assert took > 0.09


def test_a_lost_gpu_answers_15_and_its_name_tags(nvml: FakeNvml) -> None:
    nvml.say("gpus 3 h100", "lost 1")
    script = """
h = gpu(1)
out = [n.nvmlDeviceGetCount(), n.nvmlDeviceGetUUID(h)[-1], n.nvmlDeviceGetPciInfo(h).busId, n.nvmlDeviceGetIndex(h),
       ask(n.nvmlDeviceGetName, h), ask(n.nvmlDeviceGetPowerUsage, h), fields(h, 186), ask(n.nvmlDeviceGetPowerUsage, gpu(2))]
"""
    assert nvml.probe(script) == [3, "1", "00000000:41:00.0", 1, "code 15", "code 15", ["code 15"], 632000]


def test_a_gone_gpu_moves_the_later_ones_down_and_not_their_names(nvml: FakeNvml) -> None:
    nvml.say("gpus 3 h100")
    script = """
def tags():
    return [(n.nvmlDeviceGetIndex(h), n.nvmlDeviceGetUUID(h)[-1], n.nvmlDeviceGetPciInfo(h).busId[9:11])
            for h in map(gpu, range(n.nvmlDeviceGetCount()))]
handle = gpu(1); uuid = n.nvmlDeviceGetUUID(handle)
say("gpus 3 h100", "gone 1", "set 2 temp_c 80")
out = [tags(), ask(n.nvmlDeviceGetPowerUsage, handle), ask(gpu, 2), ask(n.nvmlDeviceGetHandleByUUID, uuid.encode()),
       ask(n.nvmlDeviceGetHandleByPciBusId, b"00000000:41:00.0"), n.nvmlDeviceGetTemperature(gpu(1), 0)]
say("gpus 3 h100")
out += [tags(), n.nvmlDeviceGetUUID(n.nvmlDeviceGetHandleByPciBusId(b"00000000:41:00.0")) == uuid]
"""
    two, three = [[0, "0", "40"], [1, "2", "42"]], [[0, "0", "40"], [1, "1", "41"], [2, "2", "42"]]
    assert nvml.probe(script) == [two, "code 15", BAD, "code 6", "code 6", 80, three, True]


EVENTS = """
def drain(ms=0):
    found = []
    while True:
        try:
            e = n.nvmlEventSetWait_v2(events, ms)
        except n.NVMLError as error:
            return found + [error.value]
        found.append([n.nvmlDeviceGetUUID(e.device)[-1], e.eventType, e.eventData, e.gpuInstanceId, e.computeInstanceId])
events = n.nvmlEventSetCreate()
for i in range(2):
    n.nvmlDeviceRegisterEvents(gpu(i), 0x8 | 0x8000, events)
"""
ANY = 0xFFFFFFFF


def test_an_event_comes_once_for_each_new_line(nvml: FakeNvml) -> None:
    nvml.say("gpus 3 h100", "xid 0 13")
    script = f"""{EVENTS}
out = [drain()]
say("gpus 3 h100", "xid 0 13", "set 0 temp_c 70"); out.append(drain())
say("gpus 3 h100", "xid 0 13", "xid 0 13", "xid 1 63 3 1", "event 1 0x8000 2", "event 1 0x1 9", "xid 2 79")
out.append(drain())
again = n.nvmlEventSetCreate(); n.nvmlDeviceRegisterEvents(gpu(0), 0x8, again); n.nvmlEventSetFree(events)
events = again; out.append(drain())
say("gpus 3 h100"); drain(); say("gpus 3 h100", "xid 0 13"); out.append(drain())
"""
    xid = ["0", 8, 13, ANY, ANY]
    assert nvml.probe(script) == [
        [xid, 10],
        [10],
        [xid, ["1", 8, 63, 3, 1], ["1", 0x8000, 2, ANY, ANY], 10],
        [10],
        [xid, 10],
    ]


def test_waiting_for_an_event_takes_the_time_given_and_ends_early(nvml: FakeNvml) -> None:
    nvml.say("gpus 2 h100")
    script = f"""{EVENTS}
quiet = timed(n.nvmlEventSetWait_v2, events, 150)
threading.Timer(0.1, say, ("gpus 2 h100", "xid 1 48")).start()
event, took = timed(n.nvmlEventSetWait_v2, events, 5000)
out = [quiet, event.eventData, took]
"""
    (quiet, waited), xid, took = nvml.probe(script)
    assert (quiet, xid) == ("code 10", 48)
    assert 0.15 <= waited < 1
    assert 0.09 < took < 2


def test_one_unsupported_bit_refuses_the_whole_registration(nvml: FakeNvml) -> None:
    nvml.say("gpus 1 rtx3080")
    script = """
events = n.nvmlEventSetCreate(); mask = n.nvmlDeviceGetSupportedEventTypes(gpu())
out = [mask & 3, ask(n.nvmlDeviceRegisterEvents, gpu(), 0x8 | 0x2, events),
       ask(n.nvmlDeviceRegisterEvents, gpu(), mask, events)]
"""
    assert nvml.probe(script) == [0, NO, None]


def test_a_driver_that_leaves_and_comes_back_is_a_system_event(nvml: FakeNvml) -> None:
    nvml.say("gpus 2 h100")
    script = """
s = n.nvmlSystemEventSetCreate(n.nvmlSystemEventSetCreateRequest_v1)
n.nvmlSystemRegisterEvents(n.nvmlSystemRegisterEventRequest_v1, 3, s)
def drain(ms=0):
    room = (n.c_nvmlSystemEventData_v1_t * 4)()
    found = n.nvmlSystemEventSetWait(n.nvmlSystemEventSetWaitRequest_v1, s, ms, room, 4)
    return [[e["eventType"], e["gpuId"]] for e in found]
out = [drain()]
say("gpus 2 h100", "gone 1", "system_event unbind 00000000:41:00.0"); out.append(drain())
say("gpus 2 h100", "system_event unbind 00000000:41:00.0", "system_event bind 00000000:41:00.0"); out.append(drain(50))
n.nvmlSystemEventSetFree(n.nvmlSystemEventSetFreeRequest_v1, s)
"""
    assert nvml.probe(script) == [[], [[1, 0x4100]], [[2, 0x4100]]]


def test_processes_and_mig(nvml: FakeNvml) -> None:
    nvml.say("gpus 2 h100", "mig 0 1 0 3g.40gb 40448", "mig 0 2 0 1g.10gb 9728", "process 0 41 1048576 1 0",
             "process 0 42 2097152 2 0", "process 1 43 none")  # fmt: skip
    script = """
def pids(h):
    return [[p.pid, p.usedGpuMemory, p.gpuInstanceId] for p in n.nvmlDeviceGetComputeRunningProcesses(h)]
h = gpu(); parts = [n.nvmlDeviceGetMigDeviceHandleByIndex(h, i) for i in range(2)]
uuid = n.nvmlDeviceGetUUID(parts[1])
out = {"mode": [n.nvmlDeviceGetMigMode(gpu(i)) for i in (0, 1)], "max": n.nvmlDeviceGetMaxMigDeviceCount(h), "uuid": uuid,
  "third": ask(n.nvmlDeviceGetMigDeviceHandleByIndex, h, 2), "pids": [pids(h), pids(parts[0]), pids(parts[1]), pids(gpu(1))],
  "ids": [[n.nvmlDeviceGetGpuInstanceId(p), n.nvmlDeviceGetComputeInstanceId(p)] for p in parts],
  "name": n.nvmlDeviceGetName(parts[0]), "slices": n.nvmlDeviceGetAttributes(parts[0]).gpuInstanceSliceCount,
  "is": [n.nvmlDeviceIsMigDeviceHandle(x).value for x in (h, parts[0])],
  "mib": n.nvmlDeviceGetMemoryInfo(parts[1]).total >> 20,
  "parent": n.nvmlDeviceGetUUID(n.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(parts[1]))[-1],
  "by uuid": n.nvmlDeviceGetGpuInstanceId(n.nvmlDeviceGetHandleByUUID(uuid.encode())),
  "util": [ask(n.nvmlDeviceGetUtilizationRates, x) for x in (h, parts[0])], "power": ask(n.nvmlDeviceGetPowerUsage, parts[0]),
  "rows": ask(n.nvmlDeviceGetRemappedRows, h)}
say("gpus 2 h100"); out["after"] = ask(n.nvmlDeviceGetName, parts[0])
"""
    one, two = [41, 1 << 20, 1], [42, 2 << 20, 2]
    assert nvml.probe(script) == {
        "mode": [[1, 1], [0, 0]], "max": 7, "uuid": "MIG-00000000-0000-0002-0000-000000000000", "third": "code 6",
        "pids": [[one, two], [one], [two], [[43, None, ANY]]], "ids": [[1, 0], [2, 0]],
        "name": "NVIDIA H100 80GB HBM3 MIG 3g.40gb", "slices": 3, "is": [0, 1], "mib": 9728, "parent": "0", "by uuid": 2,
        "util": [NO, NO], "power": NO, "rows": NO, "after": "code 6",
    }  # fmt: skip


def test_gpm_is_a_difference_of_two_samples_of_one_gpu(nvml: FakeNvml) -> None:
    nvml.say("gpus 2 h100", "gpm 0 2 12.5", "gpm all 10 nan", "set all nvlink_gb_s 100", "mig 1 5 0 1g.10gb 9728")
    script = """
first, second = n.nvmlGpmSampleAlloc(), n.nvmlGpmSampleAlloc()
def read(*ids):
    m = n.c_nvmlGpmMetricsGet_t(); m.version = n.NVML_GPM_METRICS_GET_VERSION; m.numMetrics = len(ids)
    m.sample1, m.sample2 = first, second
    for i, id in enumerate(ids):
        m.metrics[i].metricId = id
    answer = ask(n.nvmlGpmMetricsGet, m)
    return answer if isinstance(answer, str) else [x.nvmlReturn or repr(x.value) for x in m.metrics[:len(ids)]]
out = [read(1)]
n.nvmlGpmSampleGet(gpu(0), first); n.nvmlGpmSampleGet(gpu(0), second)
out.append(read(1, 2, 10, 60, 100, 480)); n.nvmlGpmSampleGet(gpu(1), second); out.append(read(1))
n.nvmlGpmMigSampleGet(gpu(1), 5, first); n.nvmlGpmMigSampleGet(gpu(1), 5, second); out.append(read(2))
out.append(ask(n.nvmlGpmMigSampleGet, gpu(1), 6, first)); n.nvmlGpmSampleFree(first); n.nvmlGpmSampleFree(second)
say("gpus 1 a100"); out.append(ask(n.nvmlGpmSampleGet, gpu(0), n.nvmlGpmSampleAlloc()))
"""
    link = repr(100e9 / 1048576)
    assert nvml.probe(script) == [BAD, ["97.5", "12.5", "nan", link, 3, 2], BAD, ["91.25"], BAD, NO]
