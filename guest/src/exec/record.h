/* One EXEC in the agent's table, shared by exec.c (its life), exec_stdio.c (its streams) and kill.c (its death). */
#ifndef GONDOLIN_EXEC_RECORD_H
#define GONDOLIN_EXEC_RECORD_H

#include <stdbool.h>
#include <sys/types.h>

#include "exec/sweep.h"
#include "runtime/loop.h"
#include "runtime/spawn.h"
#include "runtime/worker.h"
#include "system/cgroup.h"

/* A KILL that is answered when no process is left. */
struct kill_waiter {
    struct kill_waiter *next;
    uint32_t request_id;
};

struct exec_child;

struct exec {
    struct exec *next;
    uint32_t request_id;
    /* The start, on a thread; `child` is what it works with, and is NULL afterwards. */
    struct worker_job start;
    struct spawn process;
    struct exec_child *child;
    struct loop_source events;
    /* From EXITED until the cgroup is looked after. */
    struct loop_timer aftermath;
    struct cgroup cgroup;
    /* Audit session; 0 is none. */
    uint32_t session;
    struct sweep sweep;
    /* stdout and stderr; NULL when the exec has none or its output is complete. */
    struct output_pipe *output_pipes[2];
    /* Ids, not pointers: the host may end a stream at any time. 0 is none. */
    uint32_t streams[3];
    struct kill_waiter *waiters;
    bool is_started;
    bool is_reaped;
    /* Its output_pipes are being told to finish: they call back. */
    bool is_finishing;
    bool is_exited_sent;
    int status;
};

struct exec *exec_find(uint32_t request_id);

/* Goes on to the next state that its facts allow; the exec may be freed afterwards. */
void exec_advance(struct exec *exec);

/* Watches for the cgroup's last process to end. */
void exec_watch_cgroup(struct exec *exec);

/* Kills what has left the cgroup, until none is left; exec_advance() then. */
void exec_sweep(struct exec *exec);

/* Notes the session of an exec that is forgotten: what left its cgroup may still be there, and be killed. */
void kill_note_past(uint32_t request_id, uint32_t session);
void kill_forget_past(void);

#endif
