/* What the C files of the fake NVML share: the scenario as it was last read, and the way into every call. */
#ifndef FAKE_H
#define FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include "nvml_types.h"

enum { MAX_GPUS = 32, MAX_MIG = 8, MAX_PROCESSES = 16, MAX_RULES = 512, ALL = -1, ANY_SCOPE = -1 };

enum value_name {
#define VALUE(name) V_##name,
#include "values.def"
#undef VALUE
    VALUES
};

/* ABSENT answers NOT_SUPPORTED; DERIVED is worked out from other values until the scenario says otherwise. */
#define ABSENT (-0x7fffffffffffffffLL - 1)
#define DERIVED (ABSENT + 1)

typedef struct {
    const char *key, *name, *vbios, *part, *inforom_image, *inforom_oem, *inforom_ecc;
    int major, minor;
    unsigned device_id, subsystem_id, multiprocessors;
    long long value[VALUES];
} profile;

typedef struct { unsigned gpu_instance, compute_instance; long long memory_mb; char name[24]; } mig_device;

typedef struct {
    bool lost, gone;
    const profile *model;
    long long value[VALUES];
    int migs, processes;
    mig_device mig[MAX_MIG];
    nvml_process process[MAX_PROCESSES];
} gpu_state;

enum rule_kind { RULE_CALL, RULE_LATENCY, RULE_HANG, RULE_FIELD, RULE_FIELD_CODE, RULE_FIELD_LATENCY, RULE_GPM };

typedef struct {
    enum rule_kind kind;
    int gpu;
    char function[56];
    unsigned id;
    long long scope, number;
    double real;
} rule;

typedef struct {
    int init_code, broken;
    bool hang_init;
    char driver[64], nvml[80];
    int driver_major, cuda, gpus;
    gpu_state gpu[MAX_GPUS];
    int rules, call_rules, field_rules;
    rule rule[MAX_RULES];
} scenario;

/* A handle is a place in a table: first the GPU, then its MIG devices. It is never written to. */
typedef struct fake_device { char unused; } device;

/* One call's view of the world: it does not change under the call, even if the file does. */
typedef struct { const scenario *now; const gpu_state *gpu; const mig_device *mig; int index; } view;

extern device fake_devices[MAX_GPUS][1 + MAX_MIG];

/* scenario.c */
const scenario *scenario_now(void);
void scenario_look(void); /* read the file before the next call, however short ago it was read */
long long monotonic_ns(void);
void pause_us(long long us);

/* parse.c: fills `out`, which is zeroed; false and a message on standard error if a line makes no sense. */
bool parse_scenario(const char *text, scenario *out);

/* profiles.c */
const profile *profile_find(const char *key);

/* calls.c */
enum { CACHED = 1, ON_MIG = 2 }; /* answers for a lost GPU; answers for a MIG device */
int fake_enter(device *handle, const char *function, int flags, view *out);
int fake_enter_system(const char *function, const scenario **now);
const rule *find_rule(const scenario *now, enum rule_kind kind, int gpu, unsigned id, long long scope);
bool fake_initialized(void);
void fake_retain(void);
bool fake_release(void);
int fake_hang_init(void);

#define ENTER(handle, flags) \
    view at; \
    do { int refused = fake_enter((handle), __func__, (flags), &at); if (refused) return refused; } while (0)
#define ENTER_SYSTEM() \
    const scenario *now; \
    do { int refused = fake_enter_system(__func__, &now); if (refused) return refused; } while (0)
/* What a driver before `major` says: it has no such function. */
#define SINCE(major) do { if (at.now->driver_major < (major)) return FUNCTION_NOT_FOUND; } while (0)

/* values.c */
long long value_of(const gpu_state *gpu, enum value_name name);
bool has(const gpu_state *gpu, enum value_name name); /* neither zero nor absent */
int read_uint(const gpu_state *gpu, enum value_name name, unsigned *out);
int read_ull(const gpu_state *gpu, enum value_name name, unsigned long long *out);

/* counters.c: values that grow by themselves. */
enum counter { COUNTER_ENERGY_MJ, COUNTER_MODULE_MJ, COUNTER_NVLINK_BYTES, COUNTER_PCIE_BYTES, COUNTERS };
unsigned long long counter_read(const view *at, enum counter which);
void counters_turn(const scenario *before, const scenario *after);

/* events.c */
void events_collect(const char *text);

/* health.c */
int ecc_count(const gpu_state *gpu, bool uncorrected, bool aggregate, int location, unsigned long long *out);

#endif
