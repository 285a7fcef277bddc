/*
 * gondolin-js: runs JavaScript handlers for the host, as a command of a guest. Start reading at keeper.h.
 *
 *     gondolin-js HEAP_BYTES STACK_BYTES OUTPUT_BYTES [SOCKET]
 *     gondolin-js --attach SOCKET SNAPSHOT
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "attach.h"
#include "keeper.h"
#include "runtime/util.h"
#include "shared.h"

/* Beside JavaScript's own limit: QuickJS checks it before it recurses, not within a function of its own. */
#define STACK_MARGIN_BYTES (1024 * 1024)

struct shared *shared;
struct settings settings;

static bool read_size(const char *text, size_t *size)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *size = (size_t)value;
    return errno == 0 && *end == '\0' && value > 0;
}

int main(int argc, char **argv)
{
    size_t id;
    if (argc == 4 && strcmp(argv[1], "--attach") == 0 && read_size(argv[3], &id))
        return attach_run(argv[2], (uint32_t)id);
    if (argc < 4 || argc > 5 || !read_size(argv[1], &settings.heap_bytes) ||
        !read_size(argv[2], &settings.stack_bytes) || !read_size(argv[3], &settings.output_bytes)) {
        (void)fputs("usage: gondolin-js HEAP_BYTES STACK_BYTES OUTPUT_BYTES [SOCKET]\n", stderr);
        return 2;
    }
    settings.socket_path = argv[4];
    const rlim_t stack_bytes = settings.stack_bytes + STACK_MARGIN_BYTES;
    const struct rlimit stack = {.rlim_cur = stack_bytes, .rlim_max = stack_bytes};
    (void)setrlimit(RLIMIT_STACK, &stack);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("gondolin-js: shared memory");
        return 3;
    }
    return keeper_run();
}
