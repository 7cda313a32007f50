/* libnvidia-ml.so.1 that answers from a file: `answers`, in the folder of this library.
 *
 * A line is `FUNCTION GPU ARGUMENT = VALUE...`, or `FUNCTION GPU ARGUMENT ! ERROR`; `*` fits any GPU or argument.
 * The first line that fits counts; without one the answer is NVML_ERROR_NOT_SUPPORTED. The file is read at every
 * call, so that a GPU can change. A handle is the GPU's number plus one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, TIMEOUT = 10 };
enum { VALUES = 8, LINE = 512, ANY = -1 };
typedef unsigned long long number;
typedef char *handle;

static int fits(const char *word, long value) {
    return strcmp(word, "*") == 0 || strtol(word, NULL, 10) == value;
}

/* Copy what follows `=` to `text` and return SUCCESS, or return the error. */
static int answer(const char *function, long gpu, long argument, char *text) {
    static char path[PATH_MAX];
    char line[LINE], name[80], first[24], second[24], mark;
    Dl_info here;
    int at, result = NOT_SUPPORTED;
    dladdr((void *)answer, &here);
    snprintf(path, sizeof path, "%s", here.dli_fname);
    snprintf(strrchr(path, '/') + 1, 8, "answers");
    FILE *answers = fopen(path, "r");
    while (answers && fgets(line, sizeof line, answers)) {
        if (sscanf(line, "%79s %23s %23s %c %n", name, first, second, &mark, &at) != 4) continue;
        if (strcmp(name, function) || !fits(first, gpu) || !fits(second, argument)) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(text, LINE, "%s", line + at);
        result = mark == '!' ? atoi(text) : SUCCESS;
        break;
    }
    if (answers) fclose(answers);
    return result;
}

static int numbers(const char *function, long gpu, long argument, number values[VALUES], int *count) {
    char text[LINE] = "", *rest = text, *end;
    int result = answer(function, gpu, argument, text);
    for (*count = 0; result == SUCCESS && *count < VALUES; (*count)++, rest = end) {
        values[*count] = strtoull(rest, &end, 10);
        if (end == rest) break;
    }
    return result;
}

static long index_of(handle gpu) { return (long)gpu - 1; }

#define NUMBERS(...) \
    number v[VALUES] = {0}; \
    int count, result = numbers(__func__ + 0, __VA_ARGS__, v, &count)
#define TEXT(...) \
    char text[LINE] = ""; \
    int result = answer(__func__ + 0, __VA_ARGS__, text); \
    if (result == SUCCESS) snprintf(out, size, "%s", text); \
    return result
#define ONE(function) \
    int function(handle gpu, unsigned *out) { \
        NUMBERS(index_of(gpu), ANY); \
        if (result == SUCCESS) *out = v[0]; \
        return result; \
    }
#define TWO(function) \
    int function(handle gpu, unsigned *out, unsigned *second) { \
        NUMBERS(index_of(gpu), ANY); \
        if (result == SUCCESS) *out = v[0], *second = v[1]; \
        return result; \
    }
#define BY_KIND(function) \
    int function(handle gpu, unsigned kind, unsigned *out) { \
        NUMBERS(index_of(gpu), kind); \
        if (result == SUCCESS) *out = v[0]; \
        return result; \
    }
#define REASONS(function) \
    int function(handle gpu, number *out) { \
        NUMBERS(index_of(gpu), ANY); \
        if (result == SUCCESS) *out = v[0]; \
        return result; \
    }

int nvmlInitWithFlags(unsigned flags) { NUMBERS(ANY, flags); return result; }
int nvmlShutdown(void) { NUMBERS(ANY, ANY); return result; }
const char *nvmlErrorString(int error) { (void)error; return "an error of the stub"; }
int nvmlSystemGetDriverVersion(char *out, unsigned size) { TEXT(ANY, ANY); }
int nvmlSystemGetCudaDriverVersion_v2(int *out) {
    NUMBERS(ANY, ANY);
    if (result == SUCCESS) *out = (int)v[0];
    return result;
}
int nvmlDeviceGetCount_v2(unsigned *out) {
    NUMBERS(ANY, ANY);
    if (result == SUCCESS) *out = v[0];
    return result;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, handle *out) {
    NUMBERS(index, ANY);
    if (result == SUCCESS) *out = (handle)(long)(index + 1);
    return result;
}
int nvmlDeviceGetName(handle gpu, char *out, unsigned size) { TEXT(index_of(gpu), ANY); }
int nvmlDeviceGetUUID(handle gpu, char *out, unsigned size) { TEXT(index_of(gpu), ANY); }
int nvmlDeviceGetHandleByUUID(const char *uuid, handle *out) {
    char text[LINE] = "";
    int failed = answer(__func__, ANY, ANY, text);
    if (failed != NOT_SUPPORTED && failed != SUCCESS) return failed;
    for (long gpu = 0; gpu < 16; gpu++)
        if (answer("nvmlDeviceGetUUID", gpu, ANY, text) == SUCCESS && strcmp(text, uuid) == 0) {
            *out = (handle)(gpu + 1);
            return SUCCESS;
        }
    return NOT_FOUND;
}
TWO(nvmlDeviceGetCudaComputeCapability)
TWO(nvmlDeviceGetEccMode)
TWO(nvmlDeviceGetMigMode)
ONE(nvmlDeviceGetComputeMode)
ONE(nvmlDeviceGetPersistenceMode)
ONE(nvmlDeviceGetPowerUsage)
ONE(nvmlDeviceGetEnforcedPowerLimit)
ONE(nvmlDeviceIsMigDeviceHandle)
BY_KIND(nvmlDeviceGetClockInfo)
BY_KIND(nvmlDeviceGetTemperature)
REASONS(nvmlDeviceGetCurrentClocksEventReasons)
REASONS(nvmlDeviceGetCurrentClocksThrottleReasons)
ONE(nvmlDeviceGetMaxMigDeviceCount)
struct memory { number total, free, used; };
int nvmlDeviceGetMemoryInfo(handle gpu, struct memory *out) {
    NUMBERS(index_of(gpu), ANY);
    if (result == SUCCESS) *out = (struct memory){v[0], v[0] - v[1], v[1]};
    return result;
}
int nvmlDeviceGetMigDeviceHandleByIndex(handle gpu, unsigned index, handle *out) {
    NUMBERS(index_of(gpu), index);
    if (result == SUCCESS) *out = (handle)(long)(v[0] + 1);
    return result;
}
int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle gpu, handle *out) {
    NUMBERS(index_of(gpu), ANY);
    if (result == SUCCESS) *out = (handle)(long)(v[0] + 1);
    return result;
}
int nvmlDeviceGetTotalEccErrors(handle gpu, unsigned error, unsigned counter, number *out) {
    NUMBERS(index_of(gpu), 2 * error + counter);
    if (result == SUCCESS) *out = v[0];
    return result;
}
int nvmlDeviceGetRemappedRows(handle gpu, unsigned *corrected, unsigned *not, unsigned *pending, unsigned *failed) {
    NUMBERS(index_of(gpu), ANY);
    if (result == SUCCESS) *corrected = v[0], *not= v[1], *pending = v[2], *failed = v[3];
    return result;
}

struct field { unsigned id, scope; long long time, latency; unsigned type, result; number value; };
int nvmlDeviceGetFieldValues(handle gpu, int asked, struct field *fields) {
    for (int at = 0; at < asked; at++) {
        NUMBERS(index_of(gpu), fields[at].id);
        fields[at].result = result;
        fields[at].value = v[0];
    }
    return SUCCESS;
}

struct process { unsigned pid; number memory; unsigned instance, compute; };
static int processes(const char *function, handle gpu, unsigned *room, struct process *out) {
    number v[VALUES];
    int count, result = numbers(function, index_of(gpu), ANY, v, &count);
    if (result != SUCCESS) return result;
    if (count > 0 && (unsigned)count > *room) return *room = count, INSUFFICIENT_SIZE;
    *room = count;
    for (int at = 0; at < count; at++) out[at] = (struct process){.pid = v[at]};
    return SUCCESS;
}
#define PROCESSES(function) \
    int function(handle gpu, unsigned *room, struct process *out) { return processes(__func__, gpu, room, out); }
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3)
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2)
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v3)

static int events_given;
int nvmlEventSetCreate(handle *out) {
    NUMBERS(ANY, ANY);
    *out = (handle)1;
    events_given = 0;
    return result;
}
int nvmlDeviceRegisterEvents(handle gpu, number kinds, handle events) {
    (void)kinds, (void)events;
    NUMBERS(index_of(gpu), ANY);
    return result;
}
struct event { handle gpu; number kind, data; unsigned instance, compute; };
int nvmlEventSetWait_v2(handle events, struct event *out, unsigned milliseconds) {
    (void)events, (void)milliseconds;
    NUMBERS(ANY, ANY);
    if (result != SUCCESS) return result;
    if (events_given >= count) return TIMEOUT;
    out->data = v[events_given++];
    return SUCCESS;
}
int nvmlEventSetFree(handle events) { (void)events; NUMBERS(ANY, ANY); return result; }
