/* One directive a line; later lines win. A line that makes no sense is an error: a typing mistake must not pass as a test. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fake.h"

#ifdef OLD_DRIVER
#define DEFAULT_DRIVER "525.147.05"
#else
#define DEFAULT_DRIVER "580.95.05"
#endif

enum { MAX_WORDS = 8, MAX_LINE = 256 };

typedef struct { int count; char *word[MAX_WORDS]; char text[MAX_LINE]; } line;

static bool split(const char *text, size_t length, line *out) {
    if (length >= sizeof out->text) return false;
    memcpy(out->text, text, length);
    out->text[length] = 0;
    out->text[strcspn(out->text, "#\r")] = 0;
    char *rest = out->text;
    for (out->count = 0; out->count < MAX_WORDS; out->count++)
        if (!(out->word[out->count] = strtok_r(rest, " \t", &rest))) return true;
    return !strtok_r(rest, " \t", &rest);
}

static bool number(const char *word, long long *out) {
    char *end;
    if (!strcmp(word, "none")) { *out = ABSENT; return true; }
    *out = strtoll(word, &end, 0);
    return *word && !*end;
}

static bool gpu_range(const scenario *now, const char *word, int *first, int *last) {
    long long index;
    *first = 0, *last = now->gpus - 1;
    if (!strcmp(word, "all")) return true;
    if (!number(word, &index) || index < 0 || index >= now->gpus) return false;
    *first = *last = (int)index;
    return true;
}

static rule *new_rule(scenario *now, enum rule_kind kind, const char *index) {
    int first, last;
    if (now->rules >= MAX_RULES || !gpu_range(now, index, &first, &last)) return NULL;
    rule *one = &now->rule[now->rules++];
    *one = (rule){.kind = kind, .gpu = strcmp(index, "all") ? first : ALL, .scope = ANY_SCOPE};
    *(kind >= RULE_FIELD ? &now->field_rules : &now->call_rules) += 1;
    return one;
}

static bool set_value(scenario *now, const line *in) {
    static const char *const names[] = {
#define VALUE(name) #name,
#include "values.def"
#undef VALUE
    };
    int first, last, name = 0;
    long long value;
    if (in->count != 4 || !gpu_range(now, in->word[1], &first, &last) || !number(in->word[3], &value)) return false;
    while (name < VALUES && strcmp(names[name], in->word[2])) name++;
    for (int i = first; name < VALUES && i <= last; i++) now->gpu[i].value[name] = value;
    return name < VALUES;
}

/* ID or ID/SCOPE. */
static bool field_id(char *word, rule *one) {
    long long id;
    char *slash = strchr(word, '/');
    if (slash) *slash = 0;
    if (!number(word, &id) || (slash && !number(slash + 1, &one->scope))) return false;
    one->id = (unsigned)id;
    return true;
}

static bool set_field(scenario *now, line *in) {
    bool code = in->count == 5 && !strcmp(in->word[3], "code");
    if (in->count != 4 && !code) return false;
    rule *one = new_rule(now, code ? RULE_FIELD_CODE : RULE_FIELD, in->word[1]);
    if (!one || !field_id(in->word[2], one)) return false;
    char *end, *value = in->word[in->count - 1];
    one->real = strtod(value, &end);
    return number(value, &one->number) || (!code && *value && !*end);
}

static bool set_call(scenario *now, line *in) {
    if (in->count != 5 || strcmp(in->word[3], "code")) return false;
    rule *one = new_rule(now, RULE_CALL, in->word[1]);
    if (!one) return false;
    snprintf(one->function, sizeof one->function, "%s", in->word[2]);
    return number(in->word[4], &one->number);
}

static bool set_latency(scenario *now, line *in) {
    if (in->count != 4) return false;
    bool field = !strncmp(in->word[2], "field:", 6);
    rule *one = new_rule(now, field ? RULE_FIELD_LATENCY : RULE_LATENCY, in->word[1]);
    if (!one || (field && !field_id(in->word[2] + 6, one))) return false;
    snprintf(one->function, sizeof one->function, "%s", in->word[2]);
    return number(in->word[3], &one->number);
}

static bool set_hang(scenario *now, line *in) {
    if (in->count == 2 && !strcmp(in->word[1], "init")) return now->hang_init = true;
    if (in->count != 2 && in->count != 3) return false;
    rule *one = new_rule(now, RULE_HANG, in->word[1]);
    if (one) snprintf(one->function, sizeof one->function, "%s", in->count == 3 ? in->word[2] : "*");
    return one;
}

static bool set_flag(scenario *now, const line *in, bool gone) {
    int first, last;
    if (in->count != 2 || !gpu_range(now, in->word[1], &first, &last)) return false;
    for (int i = first; i <= last; i++) *(gone ? &now->gpu[i].gone : &now->gpu[i].lost) = true;
    return true;
}

/* GI and CI, or "not MIG" where the line has none. */
static bool instances(const line *in, int at, unsigned *gpu_instance, unsigned *compute_instance) {
    long long gi = 0xffffffff, ci = 0xffffffff;
    bool fits = in->count == at || (in->count == at + 2 && number(in->word[at], &gi) && number(in->word[at + 1], &ci));
    *gpu_instance = (unsigned)gi, *compute_instance = (unsigned)ci;
    return fits;
}

static bool add_process(scenario *now, const line *in) {
    int first, last;
    long long pid, memory;
    nvml_process one;
    if (in->count < 4 || !gpu_range(now, in->word[1], &first, &last) || !number(in->word[2], &pid) ||
        !number(in->word[3], &memory) || !instances(in, 4, &one.gpu_instance, &one.compute_instance)) return false;
    one.pid = (unsigned)pid;
    one.memory = memory == ABSENT ? ~0ULL : (unsigned long long)memory;
    for (int i = first; i <= last; i++) {
        if (now->gpu[i].processes >= MAX_PROCESSES) return false;
        now->gpu[i].process[now->gpu[i].processes++] = one;
    }
    return true;
}

static bool add_mig(scenario *now, const line *in) {
    int first, last;
    long long gi, ci;
    mig_device one = {0};
    if (in->count != 6 || !gpu_range(now, in->word[1], &first, &last) || !number(in->word[2], &gi) ||
        !number(in->word[3], &ci) || !number(in->word[5], &one.memory_mb)) return false;
    one.gpu_instance = (unsigned)gi, one.compute_instance = (unsigned)ci;
    snprintf(one.name, sizeof one.name, "%s", in->word[4]);
    for (int i = first; i <= last; i++) {
        if (now->gpu[i].migs >= MAX_MIG || !has(&now->gpu[i], V_mig_capable)) return false;
        now->gpu[i].mig[now->gpu[i].migs++] = one;
    }
    return true;
}

static bool add_gpm(scenario *now, const line *in) {
    char *end;
    long long id;
    rule *one = in->count == 4 ? new_rule(now, RULE_GPM, in->word[1]) : NULL;
    if (!one || !number(in->word[2], &id)) return false;
    one->id = (unsigned)id;
    one->real = strtod(in->word[3], &end);
    return !*end;
}

static bool set_gpus(scenario *now, const line *in) {
    long long count;
    const profile *model = profile_find(in->count > 2 ? in->word[2] : "h100");
    if (in->count < 2 || in->count > 3 || !model || !number(in->word[1], &count) || count < 0 || count > MAX_GPUS)
        return false;
    now->gpus = (int)count;
    for (int i = 0; i < now->gpus; i++) {
        now->gpu[i] = (gpu_state){.model = model};
        memcpy(now->gpu[i].value, model->value, sizeof model->value);
    }
    return true;
}

static bool set_text(char *out, size_t size, const line *in) {
    if (in->count == 2) snprintf(out, size, "%s", in->word[1]);
    return in->count == 2;
}

static bool set_int(int *out, const line *in) {
    long long value = 0;
    bool fits = in->count == 2 && number(in->word[1], &value);
    *out = (int)value;
    return fits;
}

static bool directive(scenario *now, line *in) {
    const char *verb = in->word[0];
    if (!strcmp(verb, "driver")) return set_text(now->driver, sizeof now->driver, in);
    if (!strcmp(verb, "nvml")) return set_text(now->nvml, sizeof now->nvml, in);
    if (!strcmp(verb, "cuda")) return set_int(&now->cuda, in);
    if (!strcmp(verb, "init_code")) return set_int(&now->init_code, in);
    if (!strcmp(verb, "no_driver")) { now->init_code = DRIVER_NOT_LOADED; return in->count == 1; }
    if (!strcmp(verb, "set")) return set_value(now, in);
    if (!strcmp(verb, "field")) return set_field(now, in);
    if (!strcmp(verb, "call")) return set_call(now, in);
    if (!strcmp(verb, "latency")) return set_latency(now, in);
    if (!strcmp(verb, "hang")) return set_hang(now, in);
    if (!strcmp(verb, "lost") || !strcmp(verb, "gone")) return set_flag(now, in, *verb == 'g');
    if (!strcmp(verb, "process")) return add_process(now, in);
    if (!strcmp(verb, "mig")) return add_mig(now, in);
    if (!strcmp(verb, "gpm")) return add_gpm(now, in);
    /* events.c reads these once more, for their place in the queue */
    return !strcmp(verb, "xid") || !strcmp(verb, "event") || !strcmp(verb, "system_event");
}

/* The GPUs first: the other lines are checked against their number. */
bool parse_scenario(const char *text, scenario *out) {
    snprintf(out->driver, sizeof out->driver, DEFAULT_DRIVER);
    out->cuda = 13000;
    for (int pass = 0; pass < 2; pass++) {
        for (const char *at = text; *at;) {
            line in;
            size_t length = strcspn(at, "\n");
            bool fits = split(at, length, &in), gpus = fits && in.count && !strcmp(in.word[0], "gpus");
            if (fits && in.count && gpus == !pass) fits = gpus ? set_gpus(out, &in) : directive(out, &in);
            if (!fits) return fprintf(stderr, "fake NVML: no such line: %.*s\n", (int)length, at), false;
            at += length + (at[length] == '\n');
        }
    }
    out->driver_major = atoi(out->driver);
    if (!*out->nvml) snprintf(out->nvml, sizeof out->nvml, "%d.%s", out->cuda / 1000, out->driver);
    return true;
}
