/* A libnvidia-ml.so.1 for tests: as many GPUs as a scenario file says, loaded by the real pynvml.
 *
 * The file ($FAKE_NVML_SCENARIO) is read on every call, so that a test can change it while the agent runs. Its lines:
 *   gpus N          driver TEXT        power MILLIWATT      temp CELSIUS
 *   lost INDEX      hang INDEX         xid INDEX CODE       no_driver
 * An xid line is delivered once for each change of the file.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, DRIVER_NOT_LOADED = 9, TIMEOUT = 10, GPU_IS_LOST = 15 };
enum { MAX_GPUS = 16 };

typedef struct { unsigned index; } device;
typedef struct { unsigned gpu, memory; } utilization;
typedef struct { unsigned long long total, free, used; } memory;
typedef struct {
    char busIdLegacy[16];
    unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
    char busId[32];
} pci_info;
typedef struct {
    unsigned fieldId, scopeId;
    long long timestamp, latencyUsec;
    unsigned valueType, nvmlReturn;
    union { double d; unsigned ui; unsigned long ul; unsigned long long ull; long long sll; } value;
} field_value;
typedef struct { device *device; unsigned long long type, data; unsigned gpuInstance, computeInstance; } event_data;
typedef struct { unsigned version; int margin; } margin_temperature;

static device devices[MAX_GPUS];
static int gpus, power = 613482, temp = 59, lost = -1, hang = -1, xid_gpu = -1, xid_code, no_driver;
static char driver[64] = "580.95.05";
static long delivered_ns = -1, changed_ns;

static void scenario(void) {
    const char *path = getenv("FAKE_NVML_SCENARIO");
    struct stat status;
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[128];
    gpus = no_driver = 0, lost = hang = xid_gpu = -1;
    if (!file) { no_driver = 1; return; }
    fstat(fileno(file), &status);
    changed_ns = status.st_mtim.tv_sec * 1000000000L + status.st_mtim.tv_nsec;
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "gpus %d", &gpus);
        sscanf(line, "driver %63s", driver);
        sscanf(line, "power %d", &power);
        sscanf(line, "temp %d", &temp);
        sscanf(line, "lost %d", &lost);
        sscanf(line, "hang %d", &hang);
        sscanf(line, "xid %d %d", &xid_gpu, &xid_code);
        if (!strncmp(line, "no_driver", 9)) no_driver = 1;
    }
    fclose(file);
}

/* What every call about a device begins with. */
static int touch(const device *gpu) {
    scenario();
    if (no_driver) return DRIVER_NOT_LOADED;
    if ((int)gpu->index == hang) for (;;) pause();
    return (int)gpu->index == lost ? GPU_IS_LOST : SUCCESS;
}
#define TOUCH(gpu) do { int code = touch(gpu); if (code) return code; } while (0)

int nvmlInitWithFlags(unsigned flags) { (void)flags; scenario(); return no_driver ? DRIVER_NOT_LOADED : SUCCESS; }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return code == GPU_IS_LOST ? "GPU is lost" : "error of the fake"; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { scenario(); snprintf(text, size, "%s", driver); return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned *count) { scenario(); *count = gpus; return SUCCESS; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, device **gpu) {
    if (index >= MAX_GPUS) return INVALID;
    devices[index].index = index;
    *gpu = &devices[index];
    return SUCCESS;
}

int nvmlDeviceGetUUID(device *gpu, char *text, unsigned size) {
    snprintf(text, size, "GPU-00000000-0000-0000-0000-%012u", gpu->index);
    return SUCCESS;
}
int nvmlDeviceGetName(device *gpu, char *text, unsigned size) { TOUCH(gpu); snprintf(text, size, "NVIDIA H100 80GB HBM3"); return SUCCESS; }
int nvmlDeviceGetSerial(device *gpu, char *text, unsigned size) { TOUCH(gpu); snprintf(text, size, "16500000000%02u", gpu->index); return SUCCESS; }
int nvmlDeviceGetVbiosVersion(device *gpu, char *text, unsigned size) { TOUCH(gpu); snprintf(text, size, "96.00.A5.00.01"); return SUCCESS; }

int nvmlDeviceGetPciInfo_v3(device *gpu, pci_info *info) {
    memset(info, 0, sizeof *info);
    snprintf(info->busId, sizeof info->busId, "00000000:%02X:00.0", 0x40 + gpu->index);
    return SUCCESS;
}

int nvmlDeviceGetTemperature(device *gpu, int sensor, unsigned *celsius) { (void)sensor; TOUCH(gpu); *celsius = temp; return SUCCESS; }
int nvmlDeviceGetMarginTemperature(device *gpu, margin_temperature *margin) { TOUCH(gpu); margin->margin = -3; return SUCCESS; }
int nvmlDeviceGetClockInfo(device *gpu, int kind, unsigned *mhz) { TOUCH(gpu); *mhz = kind == 1 ? 1980 : 2619; return SUCCESS; }
int nvmlDeviceGetCurrentClocksEventReasons(device *gpu, unsigned long long *mask) { TOUCH(gpu); *mask = 0x4; return SUCCESS; }
int nvmlDeviceGetPowerUsage(device *gpu, unsigned *milliwatt) { TOUCH(gpu); *milliwatt = power; return SUCCESS; }
int nvmlDeviceGetUtilizationRates(device *gpu, utilization *rates) { TOUCH(gpu); rates->gpu = 97; rates->memory = 41; return SUCCESS; }
int nvmlDeviceGetMemoryInfo(device *gpu, memory *info) { TOUCH(gpu); info->total = 85520809984ULL; info->used = 71000000000ULL; info->free = info->total - info->used; return SUCCESS; }
int nvmlDeviceGetTotalEccErrors(device *gpu, int kind, int counter, unsigned long long *count) { (void)kind; (void)counter; TOUCH(gpu); *count = 0; return SUCCESS; }

int nvmlDeviceGetFieldValues(device *gpu, int count, field_value *values) {
    TOUCH(gpu);
    for (int i = 0; i < count; i++) {
        values[i].nvmlReturn = SUCCESS;
        values[i].valueType = 1;
        switch (values[i].fieldId) {
        case 186: values[i].value.ui = power; break;
        case 83: values[i].valueType = 3; values[i].value.ull = 123456789012ULL; break;
        case 82: values[i].value.ui = 54; break;
        case 94: values[i].value.ui = 7; break;
        case 144: case 145: case 230: values[i].value.ui = 0; break;
        default: values[i].nvmlReturn = NOT_SUPPORTED;
        }
    }
    return SUCCESS;
}

int nvmlEventSetCreate(void **set) { static int one; *set = &one; return SUCCESS; }
int nvmlDeviceGetSupportedEventTypes(device *gpu, unsigned long long *mask) { (void)gpu; *mask = 0x1f; return SUCCESS; }
int nvmlDeviceRegisterEvents(device *gpu, unsigned long long mask, void *set) { (void)gpu; (void)mask; (void)set; return SUCCESS; }

int nvmlEventSetWait_v2(void *set, event_data *data, unsigned timeout_ms) {
    (void)set, (void)timeout_ms;
    scenario();
    if (xid_gpu < 0 || delivered_ns == changed_ns) return TIMEOUT;
    delivered_ns = changed_ns;
    data->device = &devices[xid_gpu];
    data->type = 8;
    data->data = xid_code;
    data->gpuInstance = data->computeInstance = 0xffffffffu;
    return SUCCESS;
}
