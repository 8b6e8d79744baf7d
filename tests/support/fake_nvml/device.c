/* Readings of a GPU by a call of their own: heat, clocks, power, load, memory, PCIe. */
#include "fake.h"

int nvmlDeviceGetTemperature(device *gpu, int sensor, unsigned *celsius) {
    ENTER(gpu, 0);
    return sensor ? INVALID_ARGUMENT : read_uint(at.gpu, V_temp_c, celsius);
}

int nvmlDeviceGetTemperatureThreshold(device *gpu, int kind, unsigned *celsius) {
    ENTER(gpu, 0);
    static const enum value_name names[] = {V_shutdown_c, V_slowdown_c, V_memory_max_c, V_gpu_max_c};
    if (kind < 0 || kind > 7) return INVALID_ARGUMENT;
    return kind < 4 ? read_uint(at.gpu, names[kind], celsius) : NOT_SUPPORTED;
}

static int clock_of(const gpu_state *gpu, int kind, bool max, unsigned *mhz) {
    static const enum value_name names[2][4] = {
        {V_sm_clock_mhz, V_sm_clock_mhz, V_memory_clock_mhz, V_video_clock_mhz},
        {V_max_sm_clock_mhz, V_max_sm_clock_mhz, V_max_memory_clock_mhz, V_max_video_clock_mhz},
    };
    return kind < 0 || kind > 3 ? INVALID_ARGUMENT : read_uint(gpu, names[max][kind], mhz);
}

int nvmlDeviceGetClockInfo(device *gpu, int kind, unsigned *mhz) { ENTER(gpu, 0); return clock_of(at.gpu, kind, false, mhz); }
int nvmlDeviceGetMaxClockInfo(device *gpu, int kind, unsigned *mhz) { ENTER(gpu, 0); return clock_of(at.gpu, kind, true, mhz); }

int nvmlDeviceGetCurrentClocksThrottleReasons(device *gpu, unsigned long long *mask) {
    ENTER(gpu, 0);
    return read_ull(at.gpu, V_throttle_mask, mask);
}

int nvmlDeviceGetPowerUsage(device *gpu, unsigned *mw) { ENTER(gpu, 0); return read_uint(at.gpu, V_power_mw, mw); }
int nvmlDeviceGetEnforcedPowerLimit(device *gpu, unsigned *mw) { ENTER(gpu, 0); return read_uint(at.gpu, V_power_limit_mw, mw); }
int nvmlDeviceGetPowerManagementLimit(device *gpu, unsigned *mw) { ENTER(gpu, 0); return read_uint(at.gpu, V_power_limit_mw, mw); }

int nvmlDeviceGetTotalEnergyConsumption(device *gpu, unsigned long long *mj) {
    ENTER(gpu, 0);
    *mj = counter_read(&at, COUNTER_ENERGY_MJ);
    return SUCCESS;
}

int nvmlDeviceGetPowerManagementDefaultLimit(device *gpu, unsigned *mw) { ENTER(gpu, 0); return read_uint(at.gpu, V_power_default_mw, mw); }

int nvmlDeviceGetPowerManagementLimitConstraints(device *gpu, unsigned *min, unsigned *max) {
    ENTER(gpu, 0);
    int code = read_uint(at.gpu, V_power_min_mw, min);
    return code ? code : read_uint(at.gpu, V_power_max_mw, max);
}

/* With MIG on there is no such reading, of the whole or of a part. */
int nvmlDeviceGetUtilizationRates(device *gpu, nvml_utilization *rates) {
    ENTER(gpu, 0);
    if (at.gpu->migs) return NOT_SUPPORTED;
    int code = read_uint(at.gpu, V_util_pct, &rates->gpu);
    return code ? code : read_uint(at.gpu, V_memory_util_pct, &rates->memory);
}

static nvml_memory_v2 memory_of(const view *at) {
    const long long *value = at->gpu->value;
    nvml_memory_v2 memory = {0, (unsigned long long)value[V_memory_total], (unsigned long long)value[V_memory_reserved],
                             0, (unsigned long long)value[V_memory_used]};
    if (at->mig) {
        memory.total = (unsigned long long)at->mig->memory_mb << 20;
        memory.reserved = memory.used = 0;
        for (int i = 0; i < at->gpu->processes; i++) {
            const nvml_process *one = &at->gpu->process[i];
            if (one->gpu_instance == at->mig->gpu_instance && ~one->memory) memory.used += one->memory;
        }
    }
    memory.free = memory.total - memory.reserved - memory.used;
    return memory;
}

/* The first version counts what is reserved as used or free, by the driver's age; we leave it out of both, as 580 does. */
int nvmlDeviceGetMemoryInfo(device *gpu, nvml_memory *out) {
    ENTER(gpu, ON_MIG);
    nvml_memory_v2 memory = memory_of(&at);
    *out = (nvml_memory){memory.total, memory.total - memory.used, memory.used};
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(device *gpu, nvml_memory_v2 *out) {
    ENTER(gpu, ON_MIG);
    if (out->version != VERSION(nvml_memory_v2, 2)) return VERSION_MISMATCH;
    *out = memory_of(&at);
    out->version = VERSION(nvml_memory_v2, 2);
    return SUCCESS;
}

int nvmlDeviceGetPersistenceMode(device *gpu, unsigned *mode) { ENTER(gpu, 0); return read_uint(at.gpu, V_persistence, mode); }
int nvmlDeviceGetCurrPcieLinkGeneration(device *gpu, unsigned *gen) { ENTER(gpu, 0); return read_uint(at.gpu, V_pcie_gen, gen); }
int nvmlDeviceGetMaxPcieLinkGeneration(device *gpu, unsigned *gen) { ENTER(gpu, 0); return read_uint(at.gpu, V_pcie_max_gen, gen); }
int nvmlDeviceGetCurrPcieLinkWidth(device *gpu, unsigned *width) { ENTER(gpu, 0); return read_uint(at.gpu, V_pcie_width, width); }
int nvmlDeviceGetMaxPcieLinkWidth(device *gpu, unsigned *width) { ENTER(gpu, 0); return read_uint(at.gpu, V_pcie_max_width, width); }
int nvmlDeviceGetPcieReplayCounter(device *gpu, unsigned *count) { ENTER(gpu, 0); return read_uint(at.gpu, V_pcie_replays, count); }

/* In KiB a second; NVML blocks the caller for its window of 20 ms, and so do we. */
int nvmlDeviceGetPcieThroughput(device *gpu, int way, unsigned *kib_s) {
    ENTER(gpu, 0);
    if (way < 0 || way > 1) return INVALID_ARGUMENT;
    pause_us(20000);
    *kib_s = (unsigned)(at.gpu->value[V_pcie_mb_s] * 1000000 / 1024);
    return SUCCESS;
}

int nvmlDeviceGetNvLinkState(device *gpu, unsigned link, unsigned *active) {
    ENTER(gpu, 0);
    if (!has(at.gpu, V_nvlinks)) return NOT_SUPPORTED;
    if (link >= at.gpu->value[V_nvlinks]) return INVALID_ARGUMENT;
    const rule *said = find_rule(at.now, RULE_FIELD, at.index, 165, link);
    *active = (said ? said->number : at.gpu->value[V_nvlink_state]) != 0;
    return SUCCESS;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetCurrentClocksEventReasons(device *gpu, unsigned long long *mask) {
    ENTER(gpu, 0);
    SINCE(535);
    return read_ull(at.gpu, V_throttle_mask, mask);
}

int nvmlDeviceGetTemperatureV(device *gpu, nvml_temperature *out) {
    ENTER(gpu, 0);
    SINCE(570);
    if (out->version != VERSION(nvml_temperature, 1)) return VERSION_MISMATCH;
    return out->sensor ? INVALID_ARGUMENT : read_uint(at.gpu, V_temp_c, (unsigned *)&out->celsius);
}

int nvmlDeviceGetMarginTemperature(device *gpu, nvml_margin_temperature *out) {
    ENTER(gpu, 0);
    SINCE(570);
    if (out->version != VERSION(nvml_margin_temperature, 1)) return VERSION_MISMATCH;
    return read_uint(at.gpu, V_margin_c, (unsigned *)&out->margin);
}
#endif
