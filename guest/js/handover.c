#include "handover.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shared.h"

/* A new engine greets within milliseconds. After this time its start is the keeper's business alone. */
#define GREETING_WAIT_SECONDS 1

static uint64_t word_of(uint32_t number, int32_t engine)
{
    return (uint64_t)number << 32 | (uint32_t)engine;
}

static void set_number(_Atomic uint32_t *word, uint32_t number)
{
    *word = number;
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Until the word is this number. `limit`, for each wait, may be NULL. */
static void await_number(_Atomic uint32_t *word, uint32_t number, const struct timespec *limit)
{
    for (uint32_t value; (value = *word) != number;) {
        if (syscall(SYS_futex, word, FUTEX_WAIT, value, limit, NULL, 0) != 0 && errno == ETIMEDOUT)
            return;
    }
}

int32_t handover_engine(void)
{
    return (int32_t)(uint32_t)shared->handover.engine;
}

uint32_t handover_number(void)
{
    return (uint32_t)(shared->handover.engine >> 32);
}

uint32_t handover_snapshot(void)
{
    return shared->handover.snapshot;
}

void handover_begin(uint32_t snapshot)
{
    shared->handover.snapshot = snapshot;
    shared->death = DEATH_CRASH;
    shared->is_busy = shared->is_writing = false;
    shared->handover.engine = word_of(handover_number() + 1, ENGINE_AWAITED);
}

void handover_greeted(uint32_t number)
{
    set_number(&shared->handover.greeted, number);
}

void handover_end(uint32_t number, int32_t engine)
{
    uint64_t awaited = word_of(number, ENGINE_AWAITED);
    bool is_first = atomic_compare_exchange_strong(&shared->handover.engine, &awaited, word_of(number, engine));
    if (is_first && engine == ENGINE_FAILED)
        handover_greeted(number);
}

void handover_await_greeting(void)
{
    const struct timespec limit = {.tv_sec = GREETING_WAIT_SECONDS};
    await_number(&shared->handover.greeted, handover_number(), &limit);
}

void handover_followed(uint32_t number)
{
    set_number(&shared->handover.followed, number);
}

void handover_await_keeper(void)
{
    await_number(&shared->handover.followed, handover_number(), NULL);
}
