/* Start and end, versions, and the ways to a GPU's handle. */
#include <stdio.h>
#include <string.h>
#include "fake.h"

int nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    int code = fake_hang_init();
    const scenario *now = scenario_now();
    if (!code) code = now->broken ? now->broken : now->init_code;
    if (!code) fake_retain();
    return code;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return fake_release() ? SUCCESS : UNINITIALIZED; }

const char *nvmlErrorString(int code) {
    static const char *const texts[] = {
        "Success", "Uninitialized", "Invalid Argument", "Not Supported", "Insufficient Permissions", "Already Initialized",
        "Not Found", "Insufficient Size", "Insufficient External Power", "Driver Not Loaded", "Timeout",
        "Interrupt Request Issue", "NVML Shared Library Not Found", "Function Not Found", "Corrupted infoROM",
        "GPU is lost", "GPU requires restart", "The operating system has blocked the request",
        "RM has detected an NVML/RM version mismatch.",
    };
    return code >= 0 && code < (int)(sizeof texts / sizeof *texts) ? texts[code] : "Unknown Error";
}

static int text_out(const char *text, char *out, unsigned size) {
    if (strlen(text) >= size) return INSUFFICIENT_SIZE;
    strcpy(out, text);
    return SUCCESS;
}

int nvmlSystemGetDriverVersion(char *out, unsigned size) { ENTER_SYSTEM(); return text_out(now->driver, out, size); }
int nvmlSystemGetNVMLVersion(char *out, unsigned size) { ENTER_SYSTEM(); return text_out(now->nvml, out, size); }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { ENTER_SYSTEM(); *version = now->cuda; return SUCCESS; }
int nvmlSystemGetCudaDriverVersion(int *version) { return nvmlSystemGetCudaDriverVersion_v2(version); }

int nvmlDeviceGetCount_v2(unsigned *count) {
    ENTER_SYSTEM();
    for (int i = *count = 0; i < now->gpus; i++) *count += !now->gpu[i].gone;
    return SUCCESS;
}

static device *handle_of(int gpu) { return &fake_devices[gpu][0]; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device **out) {
    ENTER_SYSTEM();
    for (int i = 0; i < now->gpus; i++)
        if (!now->gpu[i].gone && !index--) { *out = handle_of(i); return SUCCESS; }
    return INVALID_ARGUMENT;
}

int nvmlDeviceGetHandleByUUID(const char *uuid, device **out) {
    ENTER_SYSTEM();
    unsigned index, gi, ci;
    bool part = sscanf(uuid, "MIG-00000000-0000-%4u-%4u-%12u", &gi, &ci, &index) == 3;
    if (!part && sscanf(uuid, "GPU-00000000-0000-0000-0000-%12u", &index) != 1) return NOT_FOUND;
    if (index >= (unsigned)now->gpus || now->gpu[index].gone) return NOT_FOUND;
    *out = handle_of((int)index);
    for (int i = 0; part && i < now->gpu[index].migs; i++) {
        const mig_device *mig = &now->gpu[index].mig[i];
        if (mig->gpu_instance != gi || mig->compute_instance != ci) continue;
        *out = &fake_devices[index][1 + i];
        return SUCCESS;
    }
    return part ? NOT_FOUND : SUCCESS;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, device **out) {
    ENTER_SYSTEM();
    unsigned domain, bus, slot;
    if (sscanf(bus_id, "%x:%x:%x", &domain, &bus, &slot) != 3) return INVALID_ARGUMENT;
    int gpu = (int)bus - 0x40;
    if (domain || slot || gpu < 0 || gpu >= now->gpus || now->gpu[gpu].gone) return NOT_FOUND;
    *out = handle_of(gpu);
    return SUCCESS;
}

/* For the test that compares our layouts with the bindings'. */
unsigned fake_sizeof(const char *name) {
#define SIZE(type) if (!strcmp(name, #type)) return sizeof(type)
    SIZE(nvml_field_value); SIZE(nvml_utilization); SIZE(nvml_memory); SIZE(nvml_memory_v2); SIZE(nvml_pci_info);
    SIZE(nvml_process); SIZE(nvml_margin_temperature); SIZE(nvml_temperature); SIZE(nvml_repair_status);
    SIZE(nvml_sram_status); SIZE(nvml_remapped_v2); SIZE(nvml_histogram); SIZE(nvml_fabric); SIZE(nvml_fabric_v2);
    SIZE(nvml_fabric_v3); SIZE(nvml_platform); SIZE(nvml_attributes); SIZE(nvml_event); SIZE(nvml_system_set_request);
    SIZE(nvml_system_register); SIZE(nvml_system_event); SIZE(nvml_system_wait); SIZE(nvml_gpm_metric);
    SIZE(nvml_gpm_get); SIZE(nvml_gpm_support); SIZE(nvml_value);
#undef SIZE
    return 0;
}
