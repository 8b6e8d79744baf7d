"""The fake NVML through the real pynvml: layouts, models, drivers. Each script runs in a child of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.fake_nvml import SOURCES, FakeNvml, compiler

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nvml")


@pytest.fixture
def nvml(folder: Path, tmp_path: Path) -> FakeNvml:
    return FakeNvml(folder / "new", scenario=tmp_path / "scenario")


@pytest.fixture
def old(folder: Path, tmp_path: Path) -> FakeNvml:
    return FakeNvml(folder / "old", old_driver=True, scenario=tmp_path / "scenario")


SIZES = {
    "nvml_field_value": ("c_nvmlFieldValue_t", 40), "nvml_value": ("c_nvmlValue_t", 8),
    "nvml_utilization": ("c_nvmlUtilization_t", 8), "nvml_memory": ("c_nvmlMemory_t", 24),
    "nvml_memory_v2": ("c_nvmlMemory_v2_t", 40), "nvml_pci_info": ("nvmlPciInfo_t", 68),
    "nvml_process": ("c_nvmlProcessInfo_v3_t", 24), "nvml_margin_temperature": ("c_nvmlMarginTemperature_v1_t", 8),
    "nvml_temperature": ("c_nvmlTemperature_v1_t", 12), "nvml_repair_status": ("c_nvmlRepairStatus_t", 12),
    "nvml_sram_status": ("c_nvmlEccSramErrorStatus_v1_t", 104), "nvml_remapped_v2": ("c_nvmlRemappedRowsInfo_v2_t", 24),
    "nvml_histogram": ("c_nvmlRowRemapperHistogramValues", 20), "nvml_fabric": ("c_nvmlGpuFabricInfo_t", 28),
    "nvml_fabric_v2": ("c_nvmlGpuFabricInfo_v2_t", 36), "nvml_fabric_v3": ("c_nvmlGpuFabricInfo_v3_t", 40),
    "nvml_platform": ("c_nvmlPlatformInfo_v2_t", 44), "nvml_attributes": ("c_nvmlDeviceAttributes", 40),
    "nvml_event": ("c_nvmlEventData_t", 32), "nvml_system_set_request": ("c_nvmlSystemEventSetCreateRequest_v1_t", 16),
    "nvml_system_register": ("c_nvmlSystemRegisterEventRequest_v1_t", 24),
    "nvml_system_event": ("c_nvmlSystemEventData_v1_t", 16),
    "nvml_system_wait": ("c_nvmlSystemEventSetWaitRequest_v1_t", 32), "nvml_gpm_metric": ("c_nvmlGpmMetric_t", 40),
    "nvml_gpm_support": ("c_nvmlGpmSupport_t", 8),
}  # fmt: skip


def test_every_struct_has_the_size_that_the_bindings_declare(nvml: FakeNvml) -> None:
    nvml.say("gpus 1 h100")
    script = f"""
import ctypes
lib, sizes = n.nvmlLib, {SIZES!r}
out = {{name: [lib.fake_sizeof(name.encode()), ctypes.sizeof(getattr(n, theirs))] for name, (theirs, _) in sizes.items()}}
out["nvml_gpm_get"] = [lib.fake_sizeof(b"nvml_gpm_get"), n.c_nvmlGpmMetricsGet_t.metrics.offset]
"""
    found = nvml.probe(script)
    assert found.pop("nvml_gpm_get") == [24, 24]
    assert found == {name: [size, size] for name, (_, size) in SIZES.items()}


def test_files_stay_small() -> None:
    for path in SOURCES.iterdir():
        if path.is_file():
            assert len(path.read_text(encoding="utf-8").splitlines()) < 400, path


def test_the_readme_names_every_value_and_every_directive() -> None:
    readme = (SOURCES / "README.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z0-9_]+", readme))
    values = re.findall(r"VALUE\((\w+)\)", (SOURCES / "values.def").read_text(encoding="utf-8"))
    verbs = re.findall(r'strcmp\(verb, "(\w+)"\)', (SOURCES / "parse.c").read_text(encoding="utf-8"))
    assert len(values) > 80
    assert len(verbs) > 15
    assert {name.removesuffix("_aggregate") for name in values} | set(verbs) <= words


IDENTITY = """
h = gpu(); pci = n.nvmlDeviceGetPciInfo(h)
out = {"name": n.nvmlDeviceGetName(h), "uuid": n.nvmlDeviceGetUUID(h), "pci": pci.busId, "device": pci.pciDeviceId,
       "cc": list(n.nvmlDeviceGetCudaComputeCapability(h)), "part": ask(n.nvmlDeviceGetBoardPartNumber, h),
       "total_mib": n.nvmlDeviceGetMemoryInfo(h).total >> 20, "clocks": [n.nvmlDeviceGetMaxClockInfo(h, k) for k in (1, 2)],
       "limits": fields(h, 187, 189, 188), "links": fields(h, 91)[0], "age": n.nvmlDeviceGetArchitecture(h),
       "margin": ask(n.nvmlDeviceGetMarginTemperature, h),
       "thresholds": [ask(n.nvmlDeviceGetTemperatureThreshold, h, k) for k in (3, 1, 0)],
       "tlimit": fields(h, 194, 193), "banks": getattr(ask(n.nvmlDeviceGetRowRemapperHistogram, h), "max", None),
       "gsp": n.nvmlDeviceGetGspFirmwareVersion(h), "module": n.nvmlDeviceGetModuleId(h), "energy": fields(h, 83)[0],
       "inforom": [ask(n.nvmlDeviceGetInforomVersion, h, k) for k in (0, 1, 2)]}
"""
NO = "code 3"
MODELS = {
    "a100": ("NVIDIA A100-SXM4-40GB", 0x20B010DE, [8, 0], 40960, [1410, 1215], [100000, 400000, 400000], 12, 640),
    "h100": ("NVIDIA H100 80GB HBM3", 0x233010DE, [9, 0], 81559, [1980, 2619], [200000, 700000, 700000], 18, 2560),
    "h200": ("NVIDIA H200", 0x233510DE, [9, 0], 143771, [1980, 3201], [200000, 700000, 700000], 18, 3072),
    "b200": ("NVIDIA B200", 0x290110DE, [10, 0], 183359, [1965, 3996], [200000, 1000000, 1000000], 18, 3840),
    "gb200": ("NVIDIA GB200", 0x294110DE, [10, 0], 189471, [2062, 3996], [200000, 1200000, 1200000], 18, 3968),
    "l40s": ("NVIDIA L40S", 0x26B910DE, [8, 9], 46068, [2520, 9001], [100000, 350000, 350000], NO, 192),
    "t4": ("Tesla T4", 0x1EB810DE, [7, 5], 15360, [1590, 5001], [60000, 70000, 70000], NO, None),
    "rtx3080": ("NVIDIA GeForce RTX 3080", 0x221610DE, [8, 6], 10240, [2100, 9501], [100000, 320000, 336000], NO, None),
}
HEAT = {
    "a100": ([85, 89, 92], [NO, NO], NO), "h100": ([NO, NO, NO], [-2, -8], 26), "h200": ([NO, NO, NO], [-2, -8], 35),
    "b200": ([NO, NO, NO], [-3, -5], 25), "gb200": ([NO, NO, NO], [-2, -5], 29), "l40s": ([NO, NO, NO], [-2, -5], 22),
    "t4": ([85, 93, 96], [NO, NO], NO), "rtx3080": ([93, 95, 98], [NO, NO], NO),
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_what_each_model_is(nvml: FakeNvml, model: str) -> None:
    nvml.say(f"gpus 2 {model}", "set all frozen 1")
    found = nvml.probe(IDENTITY)
    keys = ("name", "device", "cc", "total_mib", "clocks", "limits", "links", "banks")
    assert tuple(found[key] for key in keys) == MODELS[model]
    assert (found["thresholds"], found["tlimit"], found["margin"]) == HEAT[model]
    assert found["age"] == {"t4": 6, "l40s": 8, "h100": 9, "h200": 9, "b200": 10, "gb200": 10}.get(model, 7)
    assert found["uuid"] == "GPU-00000000-0000-0000-0000-000000000000"
    assert (found["pci"], found["gsp"], found["module"]) == ("00000000:40:00.0", "580.95.05", 1)
    assert found["energy"] == 123_456_789_012, "a frozen counter stands at its base"
    assert (found["part"] == NO, found["inforom"][1] == NO) == (model == "rtx3080",) * 2


PRESENCE = """
h = gpu()
nothing = {"memory temperature": fields(h, 82)[0], "average power": fields(h, 185)[0], "instant power": fields(h, 186)[0],
  "module power": fields(h, (186, 1))[0], "T.Limit": fields(h, 193)[0], "remapped": ask(n.nvmlDeviceGetRemappedRows, h),
  "remap pending": fields(h, 144)[0], "retired": ask(n.nvmlDeviceGetRetiredPages_v2, h, 0),
  "ECC": ask(n.nvmlDeviceGetTotalEccErrors, h, 1, 0), "ECC mode": ask(n.nvmlDeviceGetEccMode, h),
  "SRAM": ask(n.nvmlDeviceGetSramEccErrorStatus, h, byref(n.c_nvmlEccSramErrorStatus_v1_t())),
  "NVLink 4 errors": fields(h, (161, 0))[0], "NVLink 5 errors": fields(h, (206, 0))[0], "C2C": fields(h, 170)[0],
  "fabric": ask(n.nvmlDeviceGetGpuFabricInfoV, h, byref(n.c_nvmlGpuFabricInfo_v3_t())),
  "MIG": ask(n.nvmlDeviceGetMigMode, h), "smoothing": fields(h, 258)[0], "FEC": fields(h, (235, 0))[0],
  "platform": ask(n.nvmlDeviceGetPlatformInfo, h, byref(n.c_nvmlPlatformInfo_v2_t()))}
out = [sorted(key for key, value in nothing.items() if value == "code 3"),
       sorted(key for key, value in nothing.items() if isinstance(value, str) and value != "code 3"),
       n.nvmlGpmQueryDeviceSupport(h).isSupportedDevice]
"""
ABSENT = {
    "a100": {"average power", "module power", "T.Limit", "retired", "NVLink 5 errors", "C2C", "fabric", "smoothing", "FEC",
             "platform"},
    "h100": {"module power", "retired", "NVLink 5 errors", "C2C", "smoothing", "FEC", "platform"},
    "h200": {"module power", "retired", "NVLink 5 errors", "C2C", "smoothing", "FEC"},
    "b200": {"module power", "retired", "NVLink 4 errors", "C2C"},
    "gb200": {"retired", "NVLink 4 errors"},
    "l40s": {"memory temperature", "module power", "retired", "NVLink 4 errors", "NVLink 5 errors", "C2C", "fabric", "MIG",
             "smoothing", "FEC", "platform"},
    "t4": {"memory temperature", "average power", "module power", "T.Limit", "remapped", "remap pending", "SRAM",
           "NVLink 4 errors", "NVLink 5 errors", "C2C", "fabric", "MIG", "smoothing", "FEC", "platform"},
    "rtx3080": {"memory temperature", "module power", "T.Limit", "remapped", "remap pending", "retired", "ECC", "ECC mode",
                "SRAM", "NVLink 4 errors", "NVLink 5 errors", "C2C", "fabric", "MIG", "smoothing", "FEC", "platform"},
}  # fmt: skip


@pytest.mark.parametrize("model", ABSENT)
def test_what_each_model_has_not(nvml: FakeNvml, model: str) -> None:
    nvml.say(f"gpus 1 {model}")
    missing, odd, gpm = nvml.probe(PRESENCE)
    assert set(missing) == ABSENT[model]
    assert odd == [], "what is missing says 3, nothing else"
    assert gpm == (model in {"h100", "h200", "b200", "gb200"})


SMOOTHING = [1000 + nth for nth in range(18)]
SMOOTHING[7] = 97
THROTTLE = [11 * 10**9, 12 * 10**9, 13 * 10**9, 14 * 10**9, 15 * 10**9]
BAD = "code 2"
BY_DRIVER = {
    "550.90.07": [BAD] * 23,
    "570.172.08": [*SMOOTHING, *[BAD] * 5],
    "575.57.08": [*THROTTLE, *SMOOTHING],
    "580.95.05": [*SMOOTHING, *THROTTLE],
    "595.58.03": [*SMOOTHING, *THROTTLE],
}


@pytest.mark.parametrize("driver", BY_DRIVER)
def test_the_same_field_number_means_what_the_driver_says(nvml: FakeNvml, driver: str) -> None:
    nvml.say(f"driver {driver}", "gpus 1 gb200")
    assert nvml.probe("out = fields(gpu(), *range(251, 274))") == BY_DRIVER[driver]


def test_a_field_above_the_drivers_last_is_an_invalid_argument(nvml: FakeNvml) -> None:
    nvml.say("gpus 1 gb200")
    script = """
out = {}
for driver in ("525.147.05", "535.183.01", "550.90.07", "565.57.01", "570.172.08", "575.57.08", "580.95.05", "595.58.03"):
    say("driver " + driver, "gpus 1 gb200")
    out[driver] = [id for id in range(1, 320) if fields(gpu(), (id, 0))[0] != "code 2"][-1]
"""
    assert nvml.probe(script) == {
        "525.147.05": 172, "535.183.01": 196, "550.90.07": 227, "565.57.01": 250, "570.172.08": 268, "575.57.08": 273,
        "580.95.05": 288, "595.58.03": 295,
    }  # fmt: skip


def test_the_recovery_action_and_pcie_counters_come_with_their_drivers(nvml: FakeNvml) -> None:
    nvml.say("gpus 1 h100")
    script = """
out = []
for driver in ("525.147.05", "535.183.01", "560.28.03", "565.57.01"):
    say("driver " + driver, "gpus 1 h100", "set 0 recovery_action 4")
    out.append(fields(gpu(), 173, 230))
"""
    assert nvml.probe(script) == [[BAD, BAD], [0, BAD], [0, BAD], [0, 4]]


def test_set_field_and_code_overrides_with_the_last_line_winning(nvml: FakeNvml) -> None:
    nvml.say("gpus 3 h100", "set all temp_c 40", "set 1 temp_c 84", "set 2 memory_temp_c none", "field all 186 1000",
             "field 1 186 2000", "field 1 82 code 15", "field 0 165/3 0", "field 2 194 -7", "field 2 161/4 9",
             "field 0 94 code 3", "field 0 94 code 0", "set 1 ecc_corrected 5", "set 1 sram_parity 2",
             "set 1 dram_uncorrected 3")  # fmt: skip
    script = """
all = [gpu(i) for i in range(3)]
out = [[fields(h, 186, 82, 94, 194, (165, 3), (165, 4), (161, 4)) for h in all],
       [n.nvmlDeviceGetTemperature(h, 0) for h in all], [n.nvmlDeviceGetMarginTemperature(h) for h in all],
       [n.nvmlDeviceGetTotalEccErrors(gpu(1), kind, 0) for kind in (0, 1)],
       [n.nvmlDeviceGetMemoryErrorCounter(gpu(1), 1, 0, place) for place in (2, 7)], n.nvmlDeviceGetNvLinkState(gpu(0), 3)]
"""
    rows, temps, margins, ecc, places, link = nvml.probe(script)
    assert rows == [[1000, 54, 7, -2, 0, 1, 0], [2000, "code 15", 7, -2, 1, 1, 0], [1000, NO, 7, -7, 1, 1, 9]]
    assert (temps, margins) == ([40, 84, 40], [45, 1, 45])
    assert (ecc, places, link) == ([5, 5], [3, 2], 0)


def test_fabric_repair_rows_and_pages(nvml: FakeNvml) -> None:
    nvml.say("gpus 1 gb200", "set 0 fabric_health_mask 0xA9", "set 0 fabric_health_summary 2", "set 0 tpc_repair 1",
             "set 0 remap_uncorrected 3", "set 0 remap_pending 1", "set 0 remap_low 2", "set 0 sram_threshold_exceeded 1",
             "set 0 sram_l2 4")  # fmt: skip
    script = """
def fabric(kind):
    f = kind(); code = ask(n.nvmlDeviceGetGpuFabricInfoV, gpu(), byref(f))
    return code if code else [f.state, f.status, f.cliqueId, f.healthMask, getattr(f, "healthSummary", None)]
two, three = n.c_nvmlGpuFabricInfo_v2_t, n.c_nvmlGpuFabricInfo_v3_t
sram = n.c_nvmlEccSramErrorStatus_v1_t(); n.nvmlDeviceGetSramEccErrorStatus(gpu(), byref(sram))
unknown = three(); unknown.version = 0x4000224
h = n.nvmlDeviceGetRowRemapperHistogram(gpu())
out = [fabric(two), fabric(three), ask(n.nvmlDeviceGetGpuFabricInfoV, gpu(), byref(unknown)),
       n.nvmlDeviceGetRepairStatus(gpu()), n.nvmlDeviceGetRemappedRows(gpu()), [h.max, h.low],
       [sram.aggregateUncBucketL2, sram.bThresholdExceeded]]
say("driver 570.172.08", "gpus 1 gb200"); out += [fabric(three), fabric(two)[0], ask(n.nvmlDeviceGetRepairStatus, gpu())]
say("gpus 1 t4", "set 0 retired_dbe 2")
out.append([len(n.nvmlDeviceGetRetiredPages_v2(gpu(), cause)) for cause in (0, 1)])
"""
    assert nvml.probe(script) == [
        [3, 0, 2, 0xA9, None], [3, 0, 2, 0xA9, 2], "code 25", [0, 1], [0, 3, 1, 0], [3966, 2], [4, 1],
        "code 25", 3, "code 13", [0, 2],
    ]  # fmt: skip


def test_counters_grow_by_their_rates_and_go_on_in_another_process(nvml: FakeNvml) -> None:
    nvml.say("gpus 1 gb200", "set 0 power_mw 500000", "set 0 module_power_mw 900000", "set 0 nvlink_gb_s 90")
    script = """
def now():
    began = time.monotonic(); values = fields(gpu(), 83, (191, 1), (138, 0xFFFFFFFF), (138, 0), 197)
    return [began, time.monotonic(), values]
before = now(); time.sleep(0.25); out = [before, now()]
"""
    (began, read, first), (again, ended, last) = nvml.probe(script)
    rates = (500_000, 900_000, 90e9 / 1024, 90e9 / 1024 / 18, 800e6)
    for rate, before, after in zip(rates, first, last, strict=True):
        assert rate * (again - read) * 0.99 <= after - before <= rate * (ended - began) * 1.01
    assert nvml.probe(script)[0][2][0] > last[0], "the next process goes on"


def test_an_old_drivers_library_lacks_what_came_later(old: FakeNvml) -> None:
    old.say("gpus 1 h100")
    script = """
h = gpu(); s = byref(n.c_nvmlEccSramErrorStatus_v1_t())
newer = [(n.nvmlDeviceGetMarginTemperature, h), (n.nvmlDeviceGetRepairStatus, h),
  (n.nvmlDeviceGetCurrentClocksEventReasons, h),
  (n.nvmlDeviceGetGpuFabricInfoV, h, byref(n.c_nvmlGpuFabricInfo_v2_t())), (n.nvmlDeviceGetSramEccErrorStatus, h, s),
  (n.nvmlDeviceGetTemperatureV, h, 0), (n.nvmlDeviceGetModuleId, h), (n.nvmlSystemEventSetCreate, 0x1000010),
  (n.nvmlDeviceGetPlatformInfo, h, byref(n.c_nvmlPlatformInfo_v2_t()))]
f = n.c_nvmlGpuFabricInfo_t()
out = [[ask(*one) for one in newer], hasattr(n.nvmlLib, "nvmlDeviceGetMarginTemperature"), n.nvmlSystemGetDriverVersion(),
       n.nvmlDeviceGetCurrentClocksThrottleReasons(h), n.nvmlDeviceGetTemperature(h, 0),
       ask(n.nvmlDeviceGetGpuFabricInfo, h, byref(f)), f.state]
"""
    assert old.probe(script) == [["code 13"] * 9, False, "525.147.05", 4, 59, 0, 3]


def test_an_unchanged_scenario_costs_next_to_nothing(nvml: FakeNvml, capsys: pytest.CaptureFixture[str]) -> None:
    nvml.say("gpus 8 h100", "set all frozen 1")
    script = """
import ctypes
fn, h, mw = n.nvmlLib.nvmlDeviceGetPowerUsage, gpu(), ctypes.c_uint(); argument = byref(mw)
def per_call(call, *arguments, rounds=50000):
    began = time.perf_counter()
    for _ in range(rounds):
        call(*arguments)
    return (time.perf_counter() - began) / rounds * 1e6
values = (n.c_nvmlFieldValue_t * 20)()
for i, id in enumerate([186, 83, 82, 94, 144, 145, 230, 74, 75, 76, 169, 173, 174, 175, 176, 177, 178, 179, 180, 181]):
    values[i].fieldId = id
batch = per_call(n.nvmlLib.nvmlDeviceGetFieldValues, h, 20, values)
empty = per_call(n.nvmlLib.nvmlErrorString, 0)
out = [empty, per_call(fn, h, argument), batch]
"""
    empty, call, batch = nvml.probe(script)
    with capsys.disabled():
        print(f"\nfake NVML: ctypes alone {empty:.2f} us, one reading {call:.2f} us, 20 fields {batch:.2f} us")
    assert call < 50, "a call that reads the file each time takes longer"
