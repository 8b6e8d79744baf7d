/* What a GPU is: names, numbers, addresses. NVML serves some of them from its own memory, so a lost GPU still answers. */
#include <stdio.h>
#include <string.h>
#include "fake.h"

static int text_out(const char *text, char *out, unsigned size) {
    if (!text) return NOT_SUPPORTED;
    if (strlen(text) >= size) return INSUFFICIENT_SIZE;
    strcpy(out, text);
    return SUCCESS;
}

int nvmlDeviceGetUUID(device *gpu, char *out, unsigned size) {
    ENTER(gpu, CACHED | ON_MIG);
    char text[80];
    if (at.mig) snprintf(text, sizeof text, "MIG-00000000-0000-%04u-%04u-%012u", at.mig->gpu_instance,
                         at.mig->compute_instance, at.index);
    else snprintf(text, sizeof text, "GPU-00000000-0000-0000-0000-%012u", at.index);
    return text_out(text, out, size);
}

int nvmlDeviceGetIndex(device *gpu, unsigned *index) {
    ENTER(gpu, CACHED);
    for (int i = *index = 0; i < at.index; i++) *index += !at.now->gpu[i].gone;
    return SUCCESS;
}

int nvmlDeviceGetMinorNumber(device *gpu, unsigned *minor) {
    ENTER(gpu, CACHED);
    *minor = (unsigned)at.index;
    return SUCCESS;
}

int nvmlDeviceGetPciInfo_v3(device *gpu, nvml_pci_info *info) {
    ENTER(gpu, CACHED);
    *info = (nvml_pci_info){.bus = 0x40u + (unsigned)at.index, .device_id = at.gpu->model->device_id,
                            .subsystem_id = at.gpu->model->subsystem_id};
    snprintf(info->bus_id, sizeof info->bus_id, "00000000:%02X:00.0", info->bus);
    snprintf(info->bus_id_legacy, sizeof info->bus_id_legacy, "0000:%02X:00.0", info->bus & 0xff);
    return SUCCESS;
}

int nvmlDeviceGetName(device *gpu, char *out, unsigned size) {
    ENTER(gpu, ON_MIG);
    char text[96];
    snprintf(text, sizeof text, "%s%s%s", at.gpu->model->name, at.mig ? " MIG " : "", at.mig ? at.mig->name : "");
    return text_out(text, out, size);
}

int nvmlDeviceGetSerial(device *gpu, char *out, unsigned size) {
    ENTER(gpu, 0);
    char text[30];
    snprintf(text, sizeof text, "16500000000%02d", at.index);
    return text_out(at.gpu->model->part ? text : NULL, out, size);
}

int nvmlDeviceGetVbiosVersion(device *gpu, char *out, unsigned size) { ENTER(gpu, 0); return text_out(at.gpu->model->vbios, out, size); }
int nvmlDeviceGetBoardPartNumber(device *gpu, char *out, unsigned size) { ENTER(gpu, 0); return text_out(at.gpu->model->part, out, size); }
int nvmlDeviceGetInforomImageVersion(device *gpu, char *out, unsigned size) { ENTER(gpu, 0); return text_out(at.gpu->model->inforom_image, out, size); }

int nvmlDeviceGetInforomVersion(device *gpu, int object, char *out, unsigned size) {
    ENTER(gpu, 0);
    const char *const texts[] = {at.gpu->model->inforom_oem, at.gpu->model->inforom_ecc, NULL};
    return object < 0 || object > 2 ? INVALID_ARGUMENT : text_out(texts[object], out, size);
}

/* The caller's buffer has 64 bytes by contract. */
int nvmlDeviceGetGspFirmwareVersion(device *gpu, char *out) {
    ENTER(gpu, 0);
    return at.gpu->value[V_gsp_mode] == 1 ? text_out(at.now->driver, out, 64) : NOT_SUPPORTED;
}

int nvmlDeviceGetGspFirmwareMode(device *gpu, unsigned *enabled, unsigned *usual) {
    ENTER(gpu, 0);
    *usual = 1;
    return read_uint(at.gpu, V_gsp_mode, enabled);
}

int nvmlDeviceGetCudaComputeCapability(device *gpu, int *major, int *minor) {
    ENTER(gpu, CACHED);
    *major = at.gpu->model->major, *minor = at.gpu->model->minor;
    return SUCCESS;
}

/* 6 Turing, 7 Ampere, 8 Ada, 9 Hopper, 10 Blackwell. */
int nvmlDeviceGetArchitecture(device *gpu, unsigned *architecture) {
    ENTER(gpu, CACHED | ON_MIG);
    int major = at.gpu->model->major, minor = at.gpu->model->minor;
    *architecture = major == 7 ? 6 : major == 8 ? (minor == 9 ? 8 : 7) : (unsigned)major;
    return SUCCESS;
}

#ifndef OLD_DRIVER
static unsigned module_of(const view *at) {
    long long module = at->gpu->value[V_module_id];
    return module == DERIVED ? (unsigned)at->index + 1 : (unsigned)module;
}

int nvmlDeviceGetModuleId(device *gpu, unsigned *module) {
    ENTER(gpu, 0);
    SINCE(535);
    *module = module_of(&at);
    return SUCCESS;
}

int nvmlDeviceGetPlatformInfo(device *gpu, nvml_platform *info) {
    ENTER(gpu, 0);
    SINCE(570);
    if (info->version != VERSION(nvml_platform, 2) && info->version != VERSION(nvml_platform, 1)) return VERSION_MISMATCH;
    const long long *value = at.gpu->value;
    if (value[V_host] == ABSENT) return NOT_SUPPORTED;
    info->slot = value[V_slot] == ABSENT ? 0 : (char)value[V_slot];
    info->tray = value[V_tray] == ABSENT ? 0 : (char)value[V_tray];
    info->host = (char)value[V_host];
    info->peer_type = 1;
    info->module = (char)module_of(&at);
    snprintf(info->ib_guid, sizeof info->ib_guid, "guid-%d", at.index);
    snprintf(info->chassis, sizeof info->chassis, "%s", value[V_slot] == ABSENT ? "" : "1820000000001");
    return SUCCESS;
}
#endif
