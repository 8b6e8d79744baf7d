/* Named values of a GPU, with those that follow from others. */
#include "fake.h"

static long long sum(const gpu_state *gpu, enum value_name a, enum value_name b, enum value_name c) {
    const long long *value = gpu->value;
    if (value[a] == ABSENT) return ABSENT;
    return value[a] + (value[b] == ABSENT ? 0 : value[b]) + (value[c] == ABSENT || c == a ? 0 : value[c]);
}

static long long derived(const gpu_state *gpu, enum value_name name) {
    switch (name) {
    case V_power_average_mw: return value_of(gpu, V_power_mw);
    case V_power_requested_mw: return value_of(gpu, V_power_limit_mw);
    case V_margin_c: return gpu->value[V_temp_c] == ABSENT ? ABSENT : gpu->value[V_tlimit_sum_c] - gpu->value[V_temp_c];
    case V_ecc_corrected: return sum(gpu, V_dram_corrected, V_sram_corrected, V_dram_corrected);
    case V_ecc_uncorrected: return sum(gpu, V_dram_uncorrected, V_sram_parity, V_sram_secded);
    case V_ecc_corrected_aggregate:
        return sum(gpu, V_dram_corrected_aggregate, V_sram_corrected_aggregate, V_dram_corrected_aggregate);
    case V_ecc_uncorrected_aggregate:
        return sum(gpu, V_dram_uncorrected_aggregate, V_sram_parity_aggregate, V_sram_secded_aggregate);
    default: return 0;
    }
}

long long value_of(const gpu_state *gpu, enum value_name name) {
    long long value = gpu->value[name];
    return value == DERIVED ? derived(gpu, name) : value;
}

bool has(const gpu_state *gpu, enum value_name name) { return gpu->value[name] > 0; }

int read_ull(const gpu_state *gpu, enum value_name name, unsigned long long *out) {
    long long value = value_of(gpu, name);
    if (value == ABSENT) return NOT_SUPPORTED;
    *out = (unsigned long long)value;
    return SUCCESS;
}

int read_uint(const gpu_state *gpu, enum value_name name, unsigned *out) {
    unsigned long long wide;
    int code = read_ull(gpu, name, &wide);
    if (!code) *out = (unsigned)wide;
    return code;
}
