/* MIG devices and the processes on a GPU. */
#include "fake.h"

int nvmlDeviceGetMigMode(device *gpu, unsigned *current, unsigned *pending) {
    ENTER(gpu, 0);
    if (!has(at.gpu, V_mig_capable)) return NOT_SUPPORTED;
    *current = *pending = at.gpu->migs > 0;
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(device *gpu, unsigned *count) {
    ENTER(gpu, 0);
    *count = has(at.gpu, V_mig_capable) ? 7 : 0;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(device *gpu, unsigned index, device **out) {
    ENTER(gpu, 0);
    if (!has(at.gpu, V_mig_capable)) return NOT_SUPPORTED;
    if (index >= MAX_MIG) return INVALID_ARGUMENT;
    if ((int)index >= at.gpu->migs) return NOT_FOUND;
    *out = &fake_devices[at.index][1 + index];
    return SUCCESS;
}

int nvmlDeviceIsMigDeviceHandle(device *gpu, unsigned *is) {
    ENTER(gpu, CACHED | ON_MIG);
    *is = at.mig != NULL;
    return SUCCESS;
}

int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(device *mig, device **out) {
    ENTER(mig, ON_MIG);
    if (!at.mig) return NOT_SUPPORTED;
    *out = &fake_devices[at.index][0];
    return SUCCESS;
}

int nvmlDeviceGetGpuInstanceId(device *mig, unsigned *id) {
    ENTER(mig, ON_MIG);
    if (at.mig) *id = at.mig->gpu_instance;
    return at.mig ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetComputeInstanceId(device *mig, unsigned *id) {
    ENTER(mig, ON_MIG);
    if (at.mig) *id = at.mig->compute_instance;
    return at.mig ? SUCCESS : NOT_SUPPORTED;
}

/* `3g.40gb` has three of seven slices. */
int nvmlDeviceGetAttributes_v2(device *mig, nvml_attributes *out) {
    ENTER(mig, ON_MIG);
    if (!at.mig) return NOT_SUPPORTED;
    unsigned slices = at.mig->name[0] >= '1' && at.mig->name[0] <= '7' ? (unsigned)(at.mig->name[0] - '0') : 1;
    *out = (nvml_attributes){
        .multiprocessors = at.gpu->model->multiprocessors * slices / 7, .copy_engines = slices, .decoders = slices,
        .jpegs = slices, .gpu_slices = slices, .compute_slices = slices, .memory_mb = (unsigned long long)at.mig->memory_mb,
    };
    return SUCCESS;
}

/* The whole GPU lists all its processes, a MIG device its own. */
int nvmlDeviceGetComputeRunningProcesses_v3(device *gpu, unsigned *count, nvml_process *out) {
    ENTER(gpu, ON_MIG);
    unsigned room = *count;
    *count = 0;
    for (int i = 0; i < at.gpu->processes; i++) {
        const nvml_process *one = &at.gpu->process[i];
        if (at.mig && (one->gpu_instance != at.mig->gpu_instance || one->compute_instance != at.mig->compute_instance))
            continue;
        if (out && *count < room) out[*count] = *one;
        ++*count;
    }
    return *count > (out ? room : 0) ? INSUFFICIENT_SIZE : SUCCESS;
}
