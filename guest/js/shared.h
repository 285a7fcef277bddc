/* What the processes of a sandbox share: one page, made by the keeper before any engine. */
#ifndef GONDOLIN_JS_SHARED_H
#define GONDOLIN_JS_SHARED_H

#include <stdatomic.h>
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

/* Which engine answers the host: handover.h. */
struct handover {
    /* Upper half: the number of the last engine; lower half: its process, or one of enum no_engine. */
    _Atomic uint64_t engine;
    /* The snapshot that the last engine is forked from. */
    volatile uint32_t snapshot;
    /* The number of the engine that the keeper follows; a futex. */
    _Atomic uint32_t followed;
    /* The number of the last engine that has greeted the host; a futex. */
    _Atomic uint32_t greeted;
};

struct shared {
    struct settings settings;
    struct handover handover;
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
