/* Counters that grow with time: energy by power, NVLink and PCIe bytes by their rates.
 *
 * They start as if the present rates had held since boot, so that a process that comes after another goes on where that
 * one was. `set INDEX frozen 1` stops them at their base values.
 */
#include <pthread.h>
#include "fake.h"

static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;
static double grown[MAX_GPUS][COUNTERS];
static long long until_ns[MAX_GPUS];

static double per_second(const gpu_state *gpu, enum counter which) {
    static const struct { enum value_name name; double unit; } rates[COUNTERS] = {
        [COUNTER_ENERGY_MJ] = {V_power_mw, 1}, [COUNTER_MODULE_MJ] = {V_module_power_mw, 1},
        [COUNTER_NVLINK_BYTES] = {V_nvlink_gb_s, 1e9},
        [COUNTER_PCIE_BYTES] = {V_pcie_mb_s, 1e6},
    };
    long long rate = gpu->value[rates[which].name];
    return rate == ABSENT ? 0 : (double)rate * rates[which].unit;
}

static void advance(int index, const gpu_state *gpu) {
    long long now_ns = monotonic_ns();
    if (!has(gpu, V_frozen))
        for (int which = 0; which < COUNTERS; which++)
            grown[index][which] += per_second(gpu, which) * (double)(now_ns - until_ns[index]) / 1e9;
    until_ns[index] = now_ns;
}

static unsigned long long base(const gpu_state *gpu, enum counter which) {
    return which == COUNTER_ENERGY_MJ || which == COUNTER_MODULE_MJ ? (unsigned long long)gpu->value[V_energy_mj] : 0;
}

unsigned long long counter_read(const view *at, enum counter which) {
    if (has(at->gpu, V_frozen)) return base(at->gpu, which);
    pthread_mutex_lock(&counting);
    advance(at->index, at->gpu);
    unsigned long long value = base(at->gpu, which) + (unsigned long long)grown[at->index][which];
    pthread_mutex_unlock(&counting);
    return value;
}

/* Bring the counters to this instant by the rates that end now. */
void counters_turn(const scenario *before, const scenario *after) {
    pthread_mutex_lock(&counting);
    for (int index = 0; index < after->gpus; index++)
        advance(index, before && index < before->gpus ? &before->gpu[index] : &after->gpu[index]);
    pthread_mutex_unlock(&counting);
}
