/* What the processes of a sandbox share: one page, made by the keeper before any engine. */
#ifndef GONDOLIN_JS_SHARED_H
#define GONDOLIN_JS_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frames.h"

/* What the host's START says; zeros until then. */
struct settings {
    size_t heap_bytes;
    size_t stack_bytes;
    size_t output_bytes;
};

struct shared {
    struct settings settings;
    /* Written by an engine just before it ends itself. */
    volatile uint8_t death;
    /* JavaScript runs: limits and KILL end the engine. */
    volatile bool is_busy;
    /* A request has no reply yet: the keeper replies if the engine ends. */
    volatile bool is_owing;
    /* Part of a frame may be written: the keeper cannot reply after it. */
    volatile bool is_writing;
    volatile uint64_t wall_us;
    volatile uint64_t cpu_us;
    volatile uint64_t heap_bytes;
};

extern struct shared *shared;

#endif
