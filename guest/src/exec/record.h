/* One EXEC in the agent's table, shared by exec.c (its life), stdio_pipes.c (its streams) and kill.c (its death). */
#ifndef GONDOLIN_EXEC_RECORD_H
#define GONDOLIN_EXEC_RECORD_H

#include <stdbool.h>
#include <sys/types.h>

#include "exec/sweep.h"
#include "runtime/loop.h"
#include "runtime/spawn.h"
#include "runtime/worker.h"
#include "system/cgroup.h"

/* A KILL whose reply is due when no process is left. */
struct kill_waiter {
    struct kill_waiter *next;
    uint32_t request_id;
};

struct exec_child;
struct terminal;

struct exec {
    struct exec *next;
    uint32_t request_id;
    /* The start, on a thread; `child` is what it works with, and is NULL afterwards. */
    struct worker_job start;
    struct spawn process;
    struct exec_child *child;
    struct loop_source events;
    /* Runs from EXITED until the cgroup is cleaned up. */
    struct loop_timer aftermath;
    struct cgroup cgroup;
    /* Audit session; 0 if none. */
    uint32_t session;
    struct sweep sweep;
    /* stdout and stderr; NULL if the exec has none or its output is complete. */
    struct output_pipe *output_pipes[2];
    /* Ids, not pointers: the host may end a stream at any time. 0 if none. */
    uint32_t streams[3];
    /* NULL if the exec has none, or its output is complete. Its output is output_pipes[0]. */
    struct terminal *terminal;
    struct kill_waiter *waiters;
    /* The program has the port of the file channel, which a copy of the machine has too: a new host knows it by its id. */
    bool has_port;
    bool is_started;
    bool is_reaped;
    /* Set while its output pipes are finished: they call back. */
    bool is_finishing;
    bool is_exited_sent;
    int status;
};

struct exec *exec_find(uint32_t request_id);

/* Advances to the next state that its facts allow; the exec may be freed afterwards. */
void exec_advance(struct exec *exec);

/* Watches for the cgroup's last process to end. */
void exec_watch_cgroup(struct exec *exec);

/* Kills what has left the cgroup, until nothing is left; then calls exec_advance(). */
void exec_sweep(struct exec *exec);

/* Notes the session of an exec that is forgotten: what left its cgroup may still exist, and be killed. */
void kill_note_past(uint32_t request_id, uint32_t session);
void kill_forget_past(void);

#endif
