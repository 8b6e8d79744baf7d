/* ECC, rows and pages taken out of use, repairs, and the fabric. */
#include <string.h>
#include "fake.h"

enum { DRAM = 2, SRAM = 7, TOTAL = -1 };

/* Errors by place. Places that this fake does not keep apart have none of their own; a GPU without ECC has no answer. */
int ecc_count(const gpu_state *gpu, bool uncorrected, bool aggregate, int location, unsigned long long *out) {
    static const enum value_name totals[2][2] = {{V_ecc_corrected, V_ecc_corrected_aggregate},
                                                 {V_ecc_uncorrected, V_ecc_uncorrected_aggregate}};
    static const enum value_name dram[2][2] = {{V_dram_corrected, V_dram_corrected_aggregate},
                                               {V_dram_uncorrected, V_dram_uncorrected_aggregate}};
    if (location == TOTAL) return read_ull(gpu, totals[uncorrected][aggregate], out);
    if (location == DRAM) return read_ull(gpu, dram[uncorrected][aggregate], out);
    if (location != SRAM) return NOT_SUPPORTED;
    if (!uncorrected) return read_ull(gpu, aggregate ? V_sram_corrected_aggregate : V_sram_corrected, out);
    unsigned long long secded = 0;
    int code = read_ull(gpu, aggregate ? V_sram_parity_aggregate : V_sram_parity, out);
    if (!read_ull(gpu, aggregate ? V_sram_secded_aggregate : V_sram_secded, &secded) && !code) *out += secded;
    return code;
}

int nvmlDeviceGetTotalEccErrors(device *gpu, int kind, int counter, unsigned long long *count) {
    ENTER(gpu, 0);
    if (kind < 0 || kind > 1 || counter < 0 || counter > 1) return INVALID_ARGUMENT;
    return ecc_count(at.gpu, kind == 1, counter == 1, TOTAL, count);
}

int nvmlDeviceGetMemoryErrorCounter(device *gpu, int kind, int counter, int location, unsigned long long *count) {
    ENTER(gpu, 0);
    if (kind < 0 || kind > 1 || counter < 0 || counter > 1 || location < 0 || location > 7) return INVALID_ARGUMENT;
    return ecc_count(at.gpu, kind == 1, counter == 1, location, count);
}

int nvmlDeviceGetEccMode(device *gpu, unsigned *current, unsigned *pending) {
    ENTER(gpu, 0);
    int code = read_uint(at.gpu, V_ecc_mode, current);
    return code ? code : read_uint(at.gpu, V_ecc_pending, pending);
}

static int remapped(const view *at, nvml_remapped_v2 *rows) {
    if (at->gpu->value[V_remap_corrected] == ABSENT || at->gpu->migs) return NOT_SUPPORTED;
    const long long *value = at->gpu->value;
    *rows = (nvml_remapped_v2){
        (unsigned)value[V_remap_corrected], (unsigned)value[V_remap_corrected_inactive],
        (unsigned)value[V_remap_uncorrected], (unsigned)value[V_remap_uncorrected_inactive],
        (unsigned)value[V_remap_pending], (unsigned)value[V_remap_failed],
    };
    return SUCCESS;
}

int nvmlDeviceGetRemappedRows(device *gpu, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed) {
    ENTER(gpu, 0);
    nvml_remapped_v2 rows;
    int code = remapped(&at, &rows);
    if (code) return code;
    *corrected = rows.corrected, *uncorrected = rows.uncorrected, *pending = rows.pending, *failed = rows.failed;
    return SUCCESS;
}

/* Banks in each class; those not in a worse one are in the best. */
int nvmlDeviceGetRowRemapperHistogram(device *gpu, nvml_histogram *out) {
    ENTER(gpu, 0);
    const long long *value = at.gpu->value;
    if (value[V_remap_banks] == ABSENT) return NOT_SUPPORTED;
    *out = (nvml_histogram){0, (unsigned)value[V_remap_high], (unsigned)value[V_remap_partial],
                            (unsigned)value[V_remap_low], (unsigned)value[V_remap_none]};
    out->max = (unsigned)value[V_remap_banks] - out->high - out->partial - out->low - out->none;
    return SUCCESS;
}

/* Pages of one cause at invented addresses, retired one a minute. */
int nvmlDeviceGetRetiredPages_v2(device *gpu, int cause, unsigned *count, unsigned long long *pages, unsigned long long *times) {
    ENTER(gpu, 0);
    if (cause < 0 || cause > 1) return INVALID_ARGUMENT;
    unsigned have, room = *count;
    int code = read_uint(at.gpu, cause ? V_retired_dbe : V_retired_sbe, &have);
    if (code) return code;
    *count = have;
    if (!have) return SUCCESS;
    if (!pages || !times || room < have) return INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < have; i++) pages[i] = 0x1000ULL * (i + 1), times[i] = 1700000000000000ULL + 60000000ULL * i;
    return SUCCESS;
}

int nvmlDeviceGetRetiredPagesPendingStatus(device *gpu, unsigned *pending) {
    ENTER(gpu, 0);
    return read_uint(at.gpu, V_retired_pending, pending);
}

static int fabric(const view *at, nvml_fabric_v3 *out) {
    const long long *value = at->gpu->value;
    if (value[V_fabric_state] == ABSENT) return NOT_SUPPORTED;
    out->state = (unsigned char)value[V_fabric_state];
    out->status = (int)value[V_fabric_status];
    out->clique = (unsigned)value[V_fabric_clique];
    memset(out->cluster, value[V_fabric_clique] ? 0xC1 : 0, sizeof out->cluster);
    out->health_mask = (unsigned)value[V_fabric_health_mask];
    out->health_summary = (unsigned char)value[V_fabric_health_summary];
    return SUCCESS;
}

int nvmlDeviceGetGpuFabricInfo(device *gpu, nvml_fabric *out) {
    ENTER(gpu, 0);
    nvml_fabric_v3 all;
    int code = fabric(&at, &all);
    if (code) return code;
    *out = (nvml_fabric){.status = all.status, .clique = all.clique, .state = all.state};
    memcpy(out->cluster, all.cluster, sizeof out->cluster);
    return SUCCESS;
}

#ifndef OLD_DRIVER
/* The caller says by the first word which version it wants; one that this driver does not know is refused. */
int nvmlDeviceGetGpuFabricInfoV(device *gpu, nvml_fabric_v3 *out) {
    ENTER(gpu, 0);
    SINCE(550);
    bool third = out->version == VERSION(nvml_fabric_v3, 3) && at.now->driver_major >= 580;
    if (!third && out->version != VERSION(nvml_fabric_v2, 2)) return VERSION_MISMATCH;
    nvml_fabric_v3 all = {.version = out->version};
    int code = fabric(&at, &all);
    if (!code) memcpy(out, &all, third ? sizeof(nvml_fabric_v3) : sizeof(nvml_fabric_v2));
    return code;
}

int nvmlDeviceGetRepairStatus(device *gpu, nvml_repair_status *out) {
    ENTER(gpu, 0);
    SINCE(580);
    if (out->version != VERSION(nvml_repair_status, 1)) return VERSION_MISMATCH;
    int code = read_uint(at.gpu, V_channel_repair, &out->channel_pending);
    return code ? code : read_uint(at.gpu, V_tpc_repair, &out->tpc_pending);
}

int nvmlDeviceGetRemappedRows_v2(device *gpu, nvml_remapped_v2 *rows) {
    ENTER(gpu, 0);
    SINCE(615);
    return remapped(&at, rows);
}

int nvmlDeviceGetSramEccErrorStatus(device *gpu, nvml_sram_status *out) {
    ENTER(gpu, 0);
    SINCE(535);
    if (out->version != VERSION(nvml_sram_status, 1)) return VERSION_MISMATCH;
    if (at.gpu->value[V_sram_l2] == ABSENT) return NOT_SUPPORTED;
#define COUNT(name) (unsigned long long)value_of(at.gpu, V_##name)
    *out = (nvml_sram_status){
        out->version, COUNT(sram_parity_aggregate), COUNT(sram_secded_aggregate), COUNT(sram_corrected_aggregate),
        COUNT(sram_parity), COUNT(sram_secded), COUNT(sram_corrected), COUNT(sram_l2), COUNT(sram_sm), COUNT(sram_pcie),
        COUNT(sram_mcu), COUNT(sram_other), (unsigned)COUNT(sram_threshold_exceeded),
    };
#undef COUNT
    return SUCCESS;
}
#endif
