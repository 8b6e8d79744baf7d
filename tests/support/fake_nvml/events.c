/* Events: Xids and others of a GPU, and the coming and going of a GPU's driver.
 *
 * An event line is delivered once, when it appears; a line that stays is not said again, one that is there twice is. What
 * stands in the first text of a process comes to the first set that registers; a set made later hears only what is new.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fake.h"

enum { MAX_EVENTS = 4096, MAX_SETS = 16, LINE = 96, POLL_US = 5000, XID = 0x8, NOT_MIG = -1 };
enum { SUPPORTED = 0x8 | 0x4 | 0x10 | 0x80 | 0x100 | 0x8000, ECC_EVENTS = 0x1 | 0x2, UNBIND = 1, BIND = 2 };

typedef struct { bool system; int gpu; unsigned gpu_id; nvml_event event; } entry;
typedef struct { bool used, system; unsigned next; unsigned long long mask[MAX_GPUS]; } event_set;

static pthread_mutex_t queueing = PTHREAD_MUTEX_INITIALIZER;
static entry queue[MAX_EVENTS];
static unsigned tail;
static char (*known)[LINE];
static unsigned known_count;
static event_set sets[MAX_SETS];
static bool first_gpu_set = true, first_system_set = true;

static void push(entry one) { if (tail < MAX_EVENTS) queue[tail++] = one; }

static bool parse(const char *text, entry *one) {
    unsigned long long type = XID, data;
    int index, gi = NOT_MIG, ci = NOT_MIG;
    char verb[16];
    unsigned domain, bus, slot;
    if (sscanf(text, " system_event %15s %x:%x:%x", verb, &domain, &bus, &slot) == 4) {
        *one = (entry){.system = true, .gpu_id = domain << 16 | bus << 8 | slot};
        one->event.type = !strcmp(verb, "bind") ? BIND : UNBIND;
        return true;
    }
    if (sscanf(text, " xid %d %lli %d %d", &index, (long long *)&data, &gi, &ci) < 2 &&
        sscanf(text, " event %d %lli %lli", &index, (long long *)&type, (long long *)&data) != 3) return false;
    if (index < 0 || index >= MAX_GPUS) return false;
    *one = (entry){.gpu = index, .event = {&fake_devices[index][0], type, data, (unsigned)gi, (unsigned)ci}};
    return true;
}

static bool was_known(char (*before)[LINE], unsigned count, const char *text) {
    for (unsigned i = 0; i < count; i++)
        if (before[i][0] && !strcmp(before[i], text)) { before[i][0] = 0; return true; }
    return false;
}

/* Queue the event lines that the text before this one had not. */
void events_collect(const char *text) {
    char (*before)[LINE] = known;
    unsigned before_count = known_count, lines = 1;
    for (const char *at = text; *at; at++) lines += *at == '\n';
    known = calloc(lines, LINE);
    if (!known) abort();
    known_count = 0;
    pthread_mutex_lock(&queueing);
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        entry one;
        char line[LINE] = "";
        size_t length = strcspn(at, "\n#");
        if (length >= LINE) continue;
        memcpy(line, at, length);
        if (!parse(line, &one)) continue;
        memcpy(known[known_count++], line, LINE);
        if (!was_known(before, before_count, line)) push(one);
    }
    pthread_mutex_unlock(&queueing);
    free(before);
}

static event_set *checked(void *handle, bool system) {
    event_set *set = handle;
    return set >= sets && set < sets + MAX_SETS && set->used && set->system == system ? set : NULL;
}

static int create(void **out, bool system) {
    bool *first = system ? &first_system_set : &first_gpu_set;
    pthread_mutex_lock(&queueing);
    for (int i = 0; i < MAX_SETS; i++) {
        if (sets[i].used) continue;
        sets[i] = (event_set){.used = true, .system = system, .next = *first ? 0 : tail};
        *first = false;
        *out = &sets[i];
        break;
    }
    pthread_mutex_unlock(&queueing);
    return *out ? SUCCESS : 23;
}

static bool wanted(const event_set *set, const entry *one) {
    return one->system == set->system && (set->mask[one->gpu] & one->event.type);
}

/* Take the next event of the set, waiting for it no longer than asked. */
static int wait_for(event_set *set, unsigned timeout_ms, entry *out) {
    long long deadline_ns = monotonic_ns() + timeout_ms * 1000000LL;
    for (;;) {
        scenario_now();
        pthread_mutex_lock(&queueing);
        while (set->next < tail && !wanted(set, &queue[set->next])) set->next++;
        bool found = set->next < tail;
        if (found) *out = queue[set->next++];
        pthread_mutex_unlock(&queueing);
        long long left_us = (deadline_ns - monotonic_ns()) / 1000;
        if (found || left_us <= 0) return found ? SUCCESS : TIMEOUT;
        pause_us(left_us < POLL_US ? left_us : POLL_US);
    }
}

int nvmlEventSetCreate(void **out) { ENTER_SYSTEM(); (void)now; *out = NULL; return create(out, false); }

int nvmlEventSetFree(void *handle) {
    event_set *set = checked(handle, false);
    if (set) set->used = false;
    return set ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlDeviceGetSupportedEventTypes(device *gpu, unsigned long long *mask) {
    ENTER(gpu, 0);
    *mask = SUPPORTED | (at.gpu->value[V_ecc_mode] == ABSENT ? 0 : ECC_EVENTS);
    return SUCCESS;
}

/* One bit that the GPU does not support refuses them all. */
int nvmlDeviceRegisterEvents(device *gpu, unsigned long long mask, void *handle) {
    ENTER(gpu, 0);
    event_set *set = checked(handle, false);
    if (!set) return INVALID_ARGUMENT;
    unsigned long long may = SUPPORTED | (at.gpu->value[V_ecc_mode] == ABSENT ? 0 : ECC_EVENTS);
    if (mask & ~may) return NOT_SUPPORTED;
    set->mask[at.index] |= mask;
    return SUCCESS;
}

int nvmlEventSetWait_v2(void *handle, nvml_event *out, unsigned timeout_ms) {
    ENTER_SYSTEM();
    (void)now;
    entry one;
    event_set *set = checked(handle, false);
    int code = set ? wait_for(set, timeout_ms, &one) : INVALID_ARGUMENT;
    if (!code) *out = one.event;
    return code;
}

#ifndef OLD_DRIVER
#define SYSTEM_SINCE(major) if (now->driver_major < (major)) return FUNCTION_NOT_FOUND

int nvmlSystemEventSetCreate(nvml_system_set_request *request) {
    ENTER_SYSTEM();
    SYSTEM_SINCE(575);
    if (request->version != VERSION(nvml_system_set_request, 1)) return VERSION_MISMATCH;
    request->set = NULL;
    return create(&request->set, true);
}

int nvmlSystemEventSetFree(nvml_system_set_request *request) {
    ENTER_SYSTEM();
    SYSTEM_SINCE(575);
    if (request->version != VERSION(nvml_system_set_request, 1)) return VERSION_MISMATCH;
    event_set *set = checked(request->set, true);
    if (set) set->used = false;
    return set ? SUCCESS : INVALID_ARGUMENT;
}

int nvmlSystemRegisterEvents(nvml_system_register *request) {
    ENTER_SYSTEM();
    SYSTEM_SINCE(575);
    if (request->version != VERSION(nvml_system_register, 1)) return VERSION_MISMATCH;
    event_set *set = checked(request->set, true);
    if (!set || (request->types & ~(unsigned long long)(UNBIND | BIND))) return INVALID_ARGUMENT;
    set->mask[0] |= request->types;
    return SUCCESS;
}

int nvmlSystemEventSetWait(nvml_system_wait *request) {
    ENTER_SYSTEM();
    SYSTEM_SINCE(575);
    if (request->version != VERSION(nvml_system_wait, 1)) return VERSION_MISMATCH;
    event_set *set = checked(request->set, true);
    entry one;
    request->count = 0;
    if (!set || !request->events || !request->room) return INVALID_ARGUMENT;
    int code = wait_for(set, request->timeout_ms, &one);
    while (!code) {
        request->events[request->count++] = (nvml_system_event){one.event.type, one.gpu_id};
        if (request->count == request->room || wait_for(set, 0, &one)) break;
    }
    return code;
}
#endif
