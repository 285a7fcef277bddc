#include "memory.h"

#include <malloc.h>
#include <stdlib.h>

#include "limits.h"

/* What QuickJS counts for the header of a block. */
#define BLOCK_OVERHEAD 8

static size_t used;

static void check(const JSMallocState *state, size_t more)
{
    if (state->malloc_size + more > state->malloc_limit && shared->is_busy)
        limits_die(DEATH_HEAP);
}

static void *keep_count(JSMallocState *state, void *block)
{
    if (block == NULL) {
        /* The guest's own memory is at its end. */
        if (shared->is_busy)
            limits_die(DEATH_HEAP);
        return NULL;
    }
    state->malloc_count++;
    state->malloc_size += malloc_usable_size(block) + BLOCK_OVERHEAD;
    used = state->malloc_size;
    return block;
}

static void forget(JSMallocState *state, void *block)
{
    state->malloc_count--;
    state->malloc_size -= malloc_usable_size(block) + BLOCK_OVERHEAD;
    used = state->malloc_size;
}

static void *allocate(JSMallocState *state, size_t size)
{
    check(state, size);
    return keep_count(state, malloc(size));
}

static void release(JSMallocState *state, void *block)
{
    if (block == NULL)
        return;
    forget(state, block);
    free(block);
}

static void *reallocate(JSMallocState *state, void *block, size_t size)
{
    if (block == NULL)
        return size == 0 ? NULL : allocate(state, size);
    if (size == 0) {
        release(state, block);
        return NULL;
    }
    size_t old = malloc_usable_size(block);
    if (size > old)
        check(state, size - old);
    forget(state, block);
    void *moved = realloc(block, size);
    if (moved == NULL) {
        (void)keep_count(state, block);
        return keep_count(state, NULL);
    }
    return keep_count(state, moved);
}

static size_t usable(const void *block)
{
    return malloc_usable_size((void *)(uintptr_t)block);
}

const JSMallocFunctions memory_functions = {allocate, release, reallocate, usable};

size_t memory_used(void)
{
    return used;
}
