/* One EXEC in the agent's table, shared by exec.c (its life) and kill.c (its death). */
#ifndef GONDOLIN_EXEC_RECORD_H
#define GONDOLIN_EXEC_RECORD_H

#include <stdbool.h>
#include <sys/types.h>

#include "cgroup.h"
#include "loop.h"

/* A KILL that is answered when the cgroup is empty. */
struct kill_waiter {
    struct kill_waiter *next;
    uint32_t request_id;
};

struct exec {
    struct exec *next;
    uint32_t request_id;
    pid_t pid;
    struct loop_source events;
    /* From EXITED until the cgroup is looked after. */
    struct loop_timer aftermath;
    struct cgroup cgroup;
    /* stdout and stderr; NULL when the exec has none or its output is complete. */
    struct outlet *outlets[2];
    /* Ids, not pointers: the host may end a stream at any time. 0 is none. */
    uint32_t streams[3];
    struct kill_waiter *waiters;
    bool is_reaped;
    /* Its outlets are being told to finish: they call back. */
    bool is_finishing;
    bool is_exited_sent;
    int status;
};

struct exec *exec_find(uint32_t request_id);

/* Goes on to the next state that its facts allow; the exec may be freed afterwards. */
void exec_advance(struct exec *exec);

/* Watches for the cgroup's last process to end. */
void exec_watch_cgroup(struct exec *exec);

#endif
