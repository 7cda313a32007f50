/* libcuda, as far as samcheck asks it: its CUDA version, and how it loads modules. */
#include <stdlib.h>

static int from_environment(const char *name) {
    const char *text = getenv(name);
    return text ? atoi(text) : 0;
}

int cuDriverGetVersion(int *version) {
    *version = from_environment("STUB_CUDA");
    return from_environment("STUB_ERROR");
}

int cuModuleGetLoadingMode(int *mode) {
    *mode = from_environment("STUB_LOADING");
    return from_environment("STUB_ERROR");
}
