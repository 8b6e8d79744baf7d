/* The scenario file: looked at every 10 ms at most, read again only if it is another file or has changed.
 *
 * A reading is immutable. Readers take the current pointer without a lock; an old reading is freed only after KEPT newer
 * ones, which at one look each 10 ms is longer than any call holds it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "fake.h"

enum { KEPT = 64, LOOK_EVERY_NS = 10000000, MAX_TEXT = 1 << 20 };

static _Atomic(scenario *) current;
static _Atomic long long next_look_ns;
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
static scenario *kept[KEPT];
static unsigned long long readings;
static struct stat seen;

long long monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void pause_us(long long us) {
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    while (nanosleep(&left, &left)) {}
}

static bool same(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The text of the file, or NULL if there is none. */
static char *slurp(const char *path, struct stat *status) {
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return NULL;
    char *text = NULL;
    if (!fstat(fileno(file), status) && status->st_size < MAX_TEXT && (text = malloc(status->st_size + 1)))
        text[fread(text, 1, status->st_size, file)] = 0;
    fclose(file);
    return text;
}

/* Called with the lock. No file means no driver. */
static void reread(const char *path) {
    struct stat status = {0};
    char *text = slurp(path, &status);
    scenario *next = calloc(1, sizeof *next);
    if (!next) abort();
    if (!text) next->init_code = DRIVER_NOT_LOADED;
    else if (!parse_scenario(text, next)) next->broken = OPERATING_SYSTEM;
    else events_collect(text);
    free(text);
    seen = status;
    scenario *before = atomic_load(&current);
    counters_turn(before, next);
    free(kept[readings % KEPT]);
    kept[readings++ % KEPT] = next;
    atomic_store(&current, next);
}

static void look(void) {
    const char *path = getenv("FAKE_NVML_SCENARIO");
    struct stat status = {0};
    bool there = path && !stat(path, &status);
    if (!atomic_load(&current) || !same(&status, &seen) || there != (seen.st_ino != 0)) reread(path);
    atomic_store(&next_look_ns, monotonic_ns() + LOOK_EVERY_NS);
}

void scenario_look(void) {
    pthread_mutex_lock(&reading);
    look();
    pthread_mutex_unlock(&reading);
}

const scenario *scenario_now(void) {
    const scenario *now = atomic_load_explicit(&current, memory_order_acquire);
    if (now && monotonic_ns() < atomic_load_explicit(&next_look_ns, memory_order_relaxed)) return now;
    scenario_look();
    return atomic_load(&current);
}
