/* GPM: counters of Hopper and later, as the difference of two samples. The values are those of a GPU under load. */
#include <stdlib.h>
#include "fake.h"

enum { SAMPLE_MARK = 0x67706d31, GET_VERSION = 1, METRIC_MAX = 477, MAX_METRICS = 1024 };

typedef struct { unsigned mark; bool taken; int gpu; unsigned gpu_instance; long long at_ns; } sample;

int nvmlGpmSampleAlloc(sample **out) {
    *out = calloc(1, sizeof **out);
    if (!*out) return 20;
    (*out)->mark = SAMPLE_MARK;
    return SUCCESS;
}

int nvmlGpmSampleFree(sample *one) {
    if (!one || one->mark != SAMPLE_MARK) return INVALID_ARGUMENT;
    one->mark = 0;
    free(one);
    return SUCCESS;
}

static int take(const view *at, sample *one, unsigned gpu_instance) {
    if (!has(at->gpu, V_gpm)) return NOT_SUPPORTED;
    if (!one || one->mark != SAMPLE_MARK) return INVALID_ARGUMENT;
    one->taken = true, one->gpu = at->index, one->gpu_instance = gpu_instance, one->at_ns = monotonic_ns();
    return SUCCESS;
}

int nvmlGpmSampleGet(device *gpu, sample *one) { ENTER(gpu, 0); return take(&at, one, ~0u); }

int nvmlGpmMigSampleGet(device *gpu, unsigned gpu_instance, sample *one) {
    ENTER(gpu, 0);
    for (int i = 0; i < at.gpu->migs; i++)
        if (at.gpu->mig[i].gpu_instance == gpu_instance) return take(&at, one, gpu_instance);
    return INVALID_ARGUMENT;
}

int nvmlGpmQueryDeviceSupport(device *gpu, nvml_gpm_support *out) {
    ENTER(gpu, 0);
    if (out->version != 1) return VERSION_MISMATCH;
    out->supported = has(at.gpu, V_gpm);
    return SUCCESS;
}

/* A metric's usual value, or false where this GPU has none. */
static bool usual(const gpu_state *gpu, unsigned id, double *out) {
    static const double percent[] = {[1] = 97.5, [2] = 91.25, [3] = 38.5, [4] = 7.5, [5] = 62.75, [7] = 61.5, [9] = 0,
                                     [10] = 41.5, [11] = 0.25, [12] = 11.5, [13] = 3.75};
    double mib_s = 1e9 / 1048576, nvlink = (double)gpu->value[V_nvlink_gb_s] * mib_s;
    unsigned links = has(gpu, V_nvlinks) ? (unsigned)gpu->value[V_nvlinks] : 0;
    if (id < sizeof percent / sizeof *percent) *out = percent[id];
    else if (id == 20 || id == 21) *out = (double)gpu->value[V_pcie_mb_s] * 1e6 / 1048576;
    else if (id >= 30 && id <= 51) *out = 0;
    else if (links && (id == 60 || id == 61)) *out = nvlink;
    else if (id >= 62 && id < 62 + 2 * links && id <= 97) *out = nvlink / links;
    else if (id >= 100 && id <= 103 && has(gpu, V_c2c_links)) *out = 12.5 * mib_s;
    else return false;
    return true;
}

static void fill(const scenario *now, int gpu, nvml_gpm_metric *metric) {
    const rule *said = find_rule(now, RULE_GPM, gpu, metric->id, 0);
    metric->info = (nvml_gpm_info){"fake", "metric of the fake", metric->id < 20 ? "%" : "MiB/s"};
    metric->code = SUCCESS;
    if (!metric->id || metric->id >= METRIC_MAX) metric->code = INVALID_ARGUMENT;
    else if (said) metric->value = said->real;
    else if (!usual(&now->gpu[gpu], metric->id, &metric->value)) metric->code = NOT_SUPPORTED;
}

/* Only the metrics that the caller counted are touched: its struct may be longer than ours or shorter. */
int nvmlGpmMetricsGet(nvml_gpm_get *get) {
    ENTER_SYSTEM();
    const sample *first = get->first, *second = get->second;
    if (get->version != GET_VERSION) return VERSION_MISMATCH;
    if (!first || !second || first->mark != SAMPLE_MARK || second->mark != SAMPLE_MARK || get->count > MAX_METRICS)
        return INVALID_ARGUMENT;
    if (!first->taken || !second->taken || first->gpu != second->gpu || first->gpu_instance != second->gpu_instance ||
        first->at_ns >= second->at_ns) return INVALID_ARGUMENT;
    if (first->gpu >= now->gpus || now->gpu[first->gpu].gone || now->gpu[first->gpu].lost) return GPU_IS_LOST;
    for (unsigned i = 0; i < get->count; i++) fill(now, first->gpu, &get->metrics[i]);
    return SUCCESS;
}
