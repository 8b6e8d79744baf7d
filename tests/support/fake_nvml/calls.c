/* The way into every call: is there a driver, does this call hang, wait or fail, is this GPU there. */
#include <stdatomic.h>
#include <string.h>
#include "fake.h"

enum { HANG_POLL_US = 20000 };

device fake_devices[MAX_GPUS][1 + MAX_MIG];
static atomic_int users;

bool fake_initialized(void) { return atomic_load(&users) > 0; }
void fake_retain(void) { atomic_fetch_add(&users, 1); }
bool fake_release(void) {
    int before = atomic_load(&users);
    while (before > 0 && !atomic_compare_exchange_weak(&users, &before, before - 1)) {}
    return before > 0;
}

/* `nvmlDeviceGetCount` means nvmlDeviceGetCount_v2 as well. */
static bool named(const char *pattern, const char *function, bool star) {
    size_t length = strlen(pattern);
    if (!strcmp(pattern, "*")) return star;
    return !strncmp(pattern, function, length) &&
           (!function[length] || (function[length] == '_' && function[length + 1] == 'v'));
}

static const rule *call_rule(const scenario *now, enum rule_kind kind, int gpu, const char *function, bool star) {
    for (int i = now->rules - 1; i >= 0; i--) {
        const rule *one = &now->rule[i];
        if (one->kind == kind && (one->gpu == ALL || one->gpu == gpu) && named(one->function, function, star)) return one;
    }
    return NULL;
}

const rule *find_rule(const scenario *now, enum rule_kind kind, int gpu, unsigned id, long long scope) {
    for (int i = now->rules - 1; i >= 0; i--) {
        const rule *one = &now->rule[i];
        if (one->kind == kind && one->id == id && (one->gpu == ALL || one->gpu == gpu) &&
            (one->scope == ANY_SCOPE || one->scope == scope)) return one;
    }
    return NULL;
}

/* Hold the calling thread, and only it, for as long as the scenario says so. */
static bool hung(int gpu, const char *function, bool star) {
    bool was = false;
    while (call_rule(scenario_now(), RULE_HANG, gpu, function, star)) {
        was = true;
        pause_us(HANG_POLL_US);
    }
    return was;
}

int fake_hang_init(void) {
    bool was = false;
    for (scenario_look(); scenario_now()->hang_init; pause_us(HANG_POLL_US)) was = true;
    return was ? UNKNOWN : SUCCESS;
}

/* Hang, wait and fail as the scenario says; the call goes on with the scenario as it is after that. */
static int apply_rules(const scenario **now, int gpu, const char *function, bool star) {
    if (!(*now)->call_rules) return SUCCESS;
    if (hung(gpu, function, star)) return UNKNOWN;
    const rule *wait = call_rule(*now, RULE_LATENCY, gpu, function, star);
    if (wait) pause_us(wait->number);
    *now = scenario_now();
    const rule *code = call_rule(*now, RULE_CALL, gpu, function, star);
    return code ? (int)code->number : SUCCESS;
}

int fake_enter_system(const char *function, const scenario **out) {
    if (!fake_initialized()) return UNINITIALIZED;
    const scenario *now = scenario_now();
    if (now->broken) return now->broken;
    int code = apply_rules(&now, ALL, function, false);
    *out = now;
    return code ? code : now->init_code;
}

/* Which GPU and MIG device (-1 for the GPU itself) a handle is; false if it is none of ours. */
static bool locate(const device *handle, int *gpu, int *mig) {
    const device *first = &fake_devices[0][0], *end = first + MAX_GPUS * (1 + MAX_MIG);
    if (handle < first || handle >= end) return false;
    *gpu = (int)(handle - first) / (1 + MAX_MIG);
    *mig = (int)(handle - first) % (1 + MAX_MIG) - 1;
    return true;
}

int fake_enter(device *handle, const char *function, int flags, view *out) {
    if (!fake_initialized()) return UNINITIALIZED;
    int gpu, mig;
    if (!locate(handle, &gpu, &mig)) return INVALID_ARGUMENT;
    const scenario *now = scenario_now();
    if (now->broken || now->init_code) return now->broken ? now->broken : now->init_code;
    int code = apply_rules(&now, gpu, function, !(flags & CACHED));
    if (code) return code;
    if (gpu >= now->gpus || now->gpu[gpu].gone) return GPU_IS_LOST;
    *out = (view){now, &now->gpu[gpu], NULL, gpu};
    if (out->gpu->lost && !(flags & CACHED)) return GPU_IS_LOST;
    if (mig < 0) return SUCCESS;
    if (mig >= out->gpu->migs) return NOT_FOUND;
    out->mig = &out->gpu->mig[mig];
    return flags & ON_MIG ? SUCCESS : NOT_SUPPORTED;
}
