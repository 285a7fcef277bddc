/* The event loop: epoll sources and a few timers, all in one thread. */
#ifndef GONDOLIN_LOOP_H
#define GONDOLIN_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* Embedded in its owner; find the owner with LOOP_OWNER. */
struct loop_source {
    int fd;
    bool is_added;
    void (*on_ready)(struct loop_source *source, uint32_t events);
};

struct loop_timer {
    bool is_set;
    uint64_t due_ms;
    struct loop_timer *next;
    void (*on_due)(struct loop_timer *timer);
};

/* clang-format off */
#define LOOP_OWNER(member_pointer, type, member) ((type *)(void *)((char *)(member_pointer) - offsetof(type, member)))
/* clang-format on */

/* All of these return 0, or -1 with errno. */
int loop_init(void);
int loop_add(struct loop_source *source, uint32_t events);
int loop_modify(struct loop_source *source, uint32_t events);

/* Idempotent. An event of `source` that is pending in the current batch is dropped, so the owner may be freed. */
void loop_remove(struct loop_source *source);

void loop_timer_set(struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_clear(struct loop_timer *timer);

/*
 * Sets the function to call after each batch of events, before the loop sleeps; if it returns true, the loop polls
 * without sleeping.
 */
void loop_on_batch_end(bool (*callback)(void));

/* Runs until loop_stop(); -1 with errno when epoll fails. */
int loop_run(void);
void loop_stop(void);

/* Returns CLOCK_MONOTONIC in milliseconds. */
uint64_t loop_now_ms(void);

#endif
