/* The part of NVML's binary interface that the fake speaks: return codes and struct layouts.
 *
 * Field names are ours; order and width are what the bindings declare. A test compares every size with ctypes.
 */
#ifndef FAKE_NVML_TYPES_H
#define FAKE_NVML_TYPES_H

enum {
    SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9, TIMEOUT = 10, FUNCTION_NOT_FOUND = 13, GPU_IS_LOST = 15, OPERATING_SYSTEM = 17,
    VERSION_MISMATCH = 25, DEPRECATED = 26, UNKNOWN = 999
};

/* A versioned struct begins with its size and version in one word. */
#define VERSION(type, number) ((unsigned)(sizeof(type) | ((unsigned)(number) << 24)))

enum { TYPE_DOUBLE, TYPE_UINT, TYPE_ULONG, TYPE_ULL, TYPE_SLL, TYPE_INT, TYPE_USHORT };

typedef union {
    double d; unsigned ui; unsigned long ul; unsigned long long ull; long long sll; int si; unsigned short us;
} nvml_value;

typedef struct {
    unsigned field, scope;
    long long timestamp_us, latency_us;
    unsigned type, code;
    nvml_value value;
} nvml_field_value;

typedef struct { unsigned gpu, memory; } nvml_utilization;
typedef struct { unsigned long long total, free, used; } nvml_memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } nvml_memory_v2;

typedef struct {
    char bus_id_legacy[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
} nvml_pci_info;

typedef struct { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; } nvml_process;
typedef struct { unsigned version; int margin; } nvml_margin_temperature;
typedef struct { unsigned version; int sensor, celsius; } nvml_temperature;
typedef struct { unsigned version, channel_pending, tpc_pending; } nvml_repair_status;

typedef struct {
    unsigned version;
    unsigned long long aggregate_parity, aggregate_secded, aggregate_corrected;
    unsigned long long volatile_parity, volatile_secded, volatile_corrected;
    unsigned long long l2, sm, pcie, mcu, other;
    unsigned threshold_exceeded;
} nvml_sram_status;

typedef struct { unsigned corrected, corrected_inactive, uncorrected, uncorrected_inactive, pending, failed; } nvml_remapped_v2;
typedef struct { unsigned max, high, partial, low, none; } nvml_histogram;

typedef struct { unsigned char cluster[16]; int status; unsigned clique; unsigned char state; } nvml_fabric;
typedef struct {
    unsigned version;
    unsigned char cluster[16];
    int status;
    unsigned clique;
    unsigned char state;
    unsigned health_mask;
} nvml_fabric_v2;
typedef struct {
    unsigned version;
    unsigned char cluster[16];
    int status;
    unsigned clique;
    unsigned char state;
    unsigned health_mask;
    unsigned char health_summary;
} nvml_fabric_v3;

typedef struct {
    unsigned version;
    char ib_guid[16], chassis[16];
    char slot, tray, host, peer_type, module;
} nvml_platform;

typedef struct {
    unsigned multiprocessors, copy_engines, decoders, encoders, jpegs, ofas, gpu_slices, compute_slices;
    unsigned long long memory_mb;
} nvml_attributes;

struct fake_device;
typedef struct {
    struct fake_device *device;
    unsigned long long type, data;
    unsigned gpu_instance, compute_instance;
} nvml_event;

typedef struct { unsigned version; void *set; } nvml_system_set_request;
typedef struct { unsigned version; unsigned long long types; void *set; } nvml_system_register;
typedef struct { unsigned long long type; unsigned gpu_id; } nvml_system_event;
typedef struct {
    unsigned version, timeout_ms;
    void *set;
    nvml_system_event *events;
    unsigned room, count;
} nvml_system_wait;

typedef struct { const char *short_name, *long_name, *unit; } nvml_gpm_info;
typedef struct { unsigned id, code; double value; nvml_gpm_info info; } nvml_gpm_metric;
typedef struct { unsigned version, count; void *first, *second; nvml_gpm_metric metrics[]; } nvml_gpm_get;
typedef struct { unsigned version, supported; } nvml_gpm_support;

#endif
