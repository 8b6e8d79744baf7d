/* nvmlDeviceGetFieldValues: one answer, type, return code and latency for each field.
 *
 * Numbers above 250 mean what the reported driver says, as they do in reality; telemetry code that goes by its own
 * constants gets a number of something else. Every meaning has a value of its own, so that such a mistake shows.
 */
#include <limits.h>
#include <time.h>
#include "fake.h"

enum { ALL_LINKS = UINT_MAX };
typedef struct { const view *at; unsigned id; long long scope; unsigned type; nvml_value value; } question;

/* One above the last field that a driver of this age knows. */
static unsigned field_max(int major) {
    static const struct { int major; unsigned max; } ages[] = {
        {615, 308}, {595, 296}, {580, 289}, {575, 274}, {570, 269}, {565, 251}, {555, 230}, {550, 228}, {535, 197}, {0, 173},
    };
    for (size_t i = 0; i < sizeof ages / sizeof *ages; i++)
        if (major >= ages[i].major) return ages[i].max;
    return 0;
}

static int uint_of(question *q, enum value_name name) {
    q->type = TYPE_UINT;
    return read_uint(q->at->gpu, name, &q->value.ui);
}

static int ull_of(question *q, enum value_name name) {
    q->type = TYPE_ULL;
    return read_ull(q->at->gpu, name, &q->value.ull);
}

static int int_of(question *q, enum value_name name) {
    q->type = TYPE_INT;
    return read_uint(q->at->gpu, name, &q->value.ui);
}

static int uint_is(question *q, unsigned value) {
    q->type = TYPE_UINT;
    q->value.ui = value;
    return SUCCESS;
}

static int ull_is(question *q, unsigned long long value) {
    q->type = TYPE_ULL;
    q->value.ull = value;
    return SUCCESS;
}

static int ecc(question *q, bool uncorrected, bool aggregate, int location) {
    q->type = TYPE_ULL;
    return ecc_count(q->at->gpu, uncorrected, aggregate, location, &q->value.ull);
}

/* What follows from the GPU alone, in every driver. */
static int plain(question *q) {
    switch (q->id) {
    case 1: return uint_of(q, V_ecc_mode);
    case 2: return uint_of(q, V_ecc_pending);
    case 3: case 4: case 5: case 6: return ecc(q, q->id % 2 == 0, q->id > 4, -1);
    case 11: case 12: return ecc(q, q->id == 12, false, 2);
    case 22: case 23: return ecc(q, q->id == 23, true, 2);
    case 29: return uint_of(q, V_retired_sbe);
    case 30: return uint_of(q, V_retired_dbe);
    case 31: return uint_of(q, V_retired_pending);
    case 74: return ull_of(q, V_power_cap_ns);
    case 75: return ull_of(q, V_thermal_ns);
    case 76: return ull_of(q, V_sync_boost_ns);
    case 82: return uint_of(q, V_memory_temp_c);
    case 83: return ull_is(q, counter_read(q->at, COUNTER_ENERGY_MJ));
    case 94: return uint_of(q, V_pcie_replays);
    case 95: return uint_of(q, V_pcie_rollovers);
    case 142: return uint_of(q, V_remap_corrected);
    case 143: return uint_of(q, V_remap_uncorrected);
    case 144: return uint_of(q, V_remap_pending);
    case 145: return uint_of(q, V_remap_failed);
    case 169: return uint_of(q, V_pcie_l0_recoveries);
    case 185: return uint_of(q, V_power_average_mw);
    case 187: return uint_of(q, V_power_min_mw);
    case 188: return uint_of(q, V_power_max_mw);
    case 189: return uint_of(q, V_power_default_mw);
    case 190: return uint_of(q, V_power_limit_mw);
    case 192: return uint_of(q, V_power_requested_mw);
    case 193: return int_of(q, V_shutdown_tlimit_c);
    case 194: return int_of(q, V_slowdown_tlimit_c);
    case 195: return int_of(q, V_memory_max_tlimit_c);
    case 196: return int_of(q, V_gpu_max_tlimit_c);
    case 197: case 198: return ull_is(q, counter_read(q->at, COUNTER_PCIE_BYTES));
    case 226: case 227: return q->at->now->driver_major >= 570 ? DEPRECATED : uint_is(q, 0);
    case 230: return uint_of(q, V_recovery_action);
    case 274: return q->at->now->driver_major >= 590 ? uint_of(q, V_edpp_pct) : NOT_SUPPORTED;
    case 301: return uint_of(q, V_remap_corrected_inactive);
    case 302: return uint_of(q, V_remap_uncorrected_inactive);
    default: return NOT_SUPPORTED;
    }
}

/* Scope 0 is the GPU, 1 the module it shares with a CPU. */
static int power_by_scope(question *q) {
    if (q->scope > 2) return INVALID_ARGUMENT;
    if (q->scope == 0) return q->id == 191 ? ull_is(q, counter_read(q->at, COUNTER_ENERGY_MJ)) : uint_of(q, V_power_mw);
    if (q->scope == 2 || q->at->gpu->value[V_module_power_mw] == ABSENT) return NOT_SUPPORTED;
    return q->id == 191 ? ull_is(q, counter_read(q->at, COUNTER_MODULE_MJ)) : uint_of(q, V_module_power_mw);
}

static int nvlink_bytes(question *q, unsigned long long unit) {
    unsigned long long links = (unsigned long long)q->at->gpu->value[V_nvlinks];
    if (q->scope != ALL_LINKS && (unsigned long long)q->scope >= links) return INVALID_ARGUMENT;
    return ull_is(q, counter_read(q->at, COUNTER_NVLINK_BYTES) / unit / (q->scope == ALL_LINKS ? 1 : links));
}

static int nvlink_common(question *q) {
    static const unsigned versions[8] = {[3] = 5, [4] = 7, [5] = 8};
    const long long *value = q->at->gpu->value;
    if (q->id != 90 && q->id != 91 && q->id != 147 && q->scope >= value[V_nvlinks]) return INVALID_ARGUMENT;
    switch (q->id) {
    case 90: return uint_of(q, V_nvlink_mbps);
    case 91: return uint_of(q, V_nvlinks);
    case 147: return uint_of(q, V_nvlinks);
    case 146: return uint_is(q, (unsigned)q->scope);
    case 164: return uint_of(q, V_nvlink_mbps);
    case 165: return uint_of(q, V_nvlink_state);
    case 166: return uint_is(q, versions[value[V_nvlink_generation] & 7]);
    default: return NOT_SUPPORTED;
    }
}

/* Links of the fifth generation count other errors than the earlier ones, and neither answers for the other. */
static int nvlink(question *q) {
    const long long *value = q->at->gpu->value;
    bool fifth = value[V_nvlink_generation] >= 5;
    if (!has(q->at->gpu, V_nvlinks)) return NOT_SUPPORTED;
    if (q->id >= 138 && q->id <= 141) return nvlink_bytes(q, 1024);
    if (q->id == 38 || q->id == 45 || q->id == 52 || q->id == 59 || q->id == 160) return fifth ? NOT_SUPPORTED : ull_is(q, 0);
    if (q->id < 161 || (q->id >= 164 && q->id <= 168)) return nvlink_common(q);
    if (fifth == (q->id <= 163)) return NOT_SUPPORTED;
    if (q->scope >= value[V_nvlinks]) return INVALID_ARGUMENT;
    if (q->id == 202 || q->id == 204) return nvlink_bytes(q, 1);
    if (q->id == 201 || q->id == 203) return nvlink_bytes(q, 256);
    if (q->id == 205) return DEPRECATED;
    if (q->id >= 216 && q->id <= 218 && q->at->now->driver_major >= 595) return DEPRECATED;
    if (q->id == 220 || q->id == 222 || (q->id >= 216 && q->id <= 218) || (q->id >= 291 && q->id <= 293))
        return ull_is(q, 0xfff);
    return ull_is(q, q->id == 235 ? 1000000 : 0);
}

static int c2c(question *q) {
    const long long *value = q->at->gpu->value;
    if (!has(q->at->gpu, V_c2c_links)) return NOT_SUPPORTED;
    if (q->id >= 231 && q->at->now->driver_major < 575) return NOT_SUPPORTED;
    if (q->id != 170 && q->scope >= value[V_c2c_links]) return INVALID_ARGUMENT;
    return uint_is(q, q->id == 170 ? (unsigned)value[V_c2c_links] : q->id == 171 ? 1 : q->id == 172 ? 45000 : 0);
}

static int smoothing(question *q, unsigned nth) {
    if (!has(q->at->gpu, V_power_smoothing)) return NOT_SUPPORTED;
    return uint_is(q, nth == 7 ? 97 : 1000 + nth);
}

static int throttle_time(question *q, unsigned nth) {
    static const enum value_name names[] = {V_sw_thermal_ns, V_hw_thermal_ns, V_power_brake_ns};
    if (nth < 3) return ull_of(q, names[nth]);
    return has(q->at->gpu, V_power_smoothing) ? ull_is(q, 11000000000ULL + nth * 1000000000ULL) : NOT_SUPPORTED;
}

/* 251 to 288: the same number is another field from one driver to the next. */
static int by_driver(question *q) {
    if (q->at->now->driver_major >= 575 && q->at->now->driver_major < 580)
        return q->id < 256 ? throttle_time(q, q->id - 251) : smoothing(q, q->id - 256);
    if (q->id <= 268) return smoothing(q, q->id - 251);
    if (q->id <= 273) return throttle_time(q, q->id - 269);
    return q->id == 274 ? plain(q) : smoothing(q, q->id - 251);
}

static int answer(question *q) {
    unsigned id = q->id;
    int major = q->at->now->driver_major;
    if (!id || id >= field_max(major)) return INVALID_ARGUMENT;
    if (id == 230 && major < 565) return NOT_SUPPORTED;
    if (id >= 251 && id <= 288) return by_driver(q);
    if (id == 186 || id == 191) return power_by_scope(q);
    if (id >= 170 && id <= 172) return c2c(q);
    if (id >= 231 && id <= 234) return c2c(q);
    if (id >= 173 && id <= 183) return uint_is(q, 0);
    if (id >= 138 && id <= 141) return nvlink(q);
    if (id == 38 || id == 45 || id == 52 || id == 59 || id == 90 || id == 91 || id == 146 || id == 147 || (id >= 160 && id <= 168))
        return nvlink(q);
    if ((id >= 201 && id <= 222) || (id >= 235 && id <= 250) || (id >= 289 && id <= 295)) return nvlink(q);
    return plain(q);
}

/* What the scenario says instead; the type stays, and is unsigned 64 bit where the field had no answer. */
static int overridden(question *q, int code) {
    const scenario *now = q->at->now;
    if (!now->field_rules) return code;
    const rule *value = find_rule(now, RULE_FIELD, q->at->index, q->id, q->scope);
    const rule *other = find_rule(now, RULE_FIELD_CODE, q->at->index, q->id, q->scope);
    if (other) return (int)other->number;
    if (!value) return code;
    if (code) q->type = TYPE_ULL;
    switch (q->type) {
    case TYPE_DOUBLE: q->value.d = value->real; break;
    case TYPE_UINT: q->value.ui = (unsigned)value->number; break;
    case TYPE_INT: q->value.si = (int)value->number; break;
    default: q->value.ull = (unsigned long long)value->number;
    }
    return SUCCESS;
}

static long long wait_for(const question *q) {
    const rule *one = q->at->now->field_rules ? find_rule(q->at->now, RULE_FIELD_LATENCY, q->at->index, q->id, q->scope) : NULL;
    if (one) pause_us(one->number);
    return one ? one->number : 1;
}

int nvmlDeviceGetFieldValues(device *gpu, int count, nvml_field_value *values) {
    ENTER(gpu, 0);
    if (count <= 0) return INVALID_ARGUMENT;
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    for (int i = 0; i < count; i++) {
        question q = {.at = &at, .id = values[i].field, .scope = values[i].scope};
        int code = overridden(&q, answer(&q));
        values[i].latency_us = wait_for(&q);
        values[i].timestamp_us = wall.tv_sec * 1000000LL + wall.tv_nsec / 1000;
        values[i].code = (unsigned)code;
        values[i].type = q.type;
        values[i].value = q.value;
    }
    return SUCCESS;
}
