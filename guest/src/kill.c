#include <signal.h>

#include "exec.h"
#include "exec_record.h"
#include "reply.h"
#include "util.h"

/* 0, or -1 with errno. */
static int signal_process(const struct exec *exec, int signal)
{
    if (exec->is_reaped) {
        errno = ESRCH;
        return -1;
    }
    return kill(exec->pid, signal);
}

static int signal_group(const struct exec *exec, int signal)
{
    return kill(-exec->pid, signal);
}

static int signal_tree(const struct exec *exec, int signal)
{
    if (exec->cgroup.events_fd < 0)
        return signal_group(exec, signal);
    if (signal == SIGKILL)
        return cgroup_kill(&exec->cgroup);
    if (cgroup_signal(&exec->cgroup, signal) > 0)
        return 0;
    errno = ESRCH;
    return -1;
}

static int send_signal(const struct exec *exec, const struct kill_request *request)
{
    int signal = (int)request->signal;
    if (request->scope == GONDOLIN_KILL_SCOPE_PROCESS)
        return signal_process(exec, signal);
    if (request->scope == GONDOLIN_KILL_SCOPE_GROUP)
        return signal_group(exec, signal);
    return signal_tree(exec, signal);
}

/* Answers the KILL later, when no process of the exec is left. False when memory is out. */
static bool wait_for_empty(struct exec *exec, uint32_t request_id)
{
    struct kill_waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL)
        return false;
    *waiter = (struct kill_waiter){.next = exec->waiters, .request_id = request_id};
    exec->waiters = waiter;
    /* It may be empty already, with only output on its way. */
    exec_watch_cgroup(exec);
    exec_advance(exec);
    return true;
}

void exec_kill(uint32_t request_id, const struct kill_request *request)
{
    struct exec *exec = exec_find(request->exec_request_id);
    if (exec == NULL) {
        reply_error(request_id, ESRCH, "kill");
        return;
    }
    bool is_tree_kill =
        request->scope == GONDOLIN_KILL_SCOPE_TREE && request->signal == SIGKILL && exec->cgroup.events_fd >= 0;
    if (send_signal(exec, request) != 0) {
        reply_error(request_id, errno, "kill");
        return;
    }
    if (!is_tree_kill)
        reply_ok(request_id);
    else if (!wait_for_empty(exec, request_id))
        reply_error(request_id, ENOMEM, "kill");
}
