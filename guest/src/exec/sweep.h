/* Kills the processes of an audit session on a thread until none is left. */
#ifndef GONDOLIN_SWEEP_H
#define GONDOLIN_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/loop.h"
#include "runtime/worker.h"

/* Embedded in its owner, which must live until `on_done` is called. */
struct sweep {
    struct worker_job job;
    struct loop_timer again;
    uint32_t session;
    bool is_under_way;
    /* No process was left at the last look since the last sweep_start(). */
    bool is_clean;
    /* There was a process to kill. The thread writes this and `is_clean`. */
    bool has_found;
    void (*on_done)(struct sweep *sweep);
};

/*
 * Starts the sweep unless it is running. It looks again and again for a process that cannot die yet (it waits in the
 * kernel).
 */
void sweep_start(struct sweep *sweep, uint32_t session, void (*on_done)(struct sweep *sweep));

#endif
