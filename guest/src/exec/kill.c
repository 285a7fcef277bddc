#include <signal.h>

#include "channel/reply.h"
#include "exec/exec.h"
#include "exec/record.h"
#include "runtime/util.h"

#define MAX_PAST 1024

struct past_exec {
    uint32_t request_id;
    uint32_t session;
};

/* The last execs that were forgotten, and the host session that they belonged to. */
static struct {
    struct past_exec entries[MAX_PAST];
    size_t next;
    unsigned generation;
} past;

struct past_kill {
    struct sweep sweep;
    uint32_t request_id;
    unsigned generation;
};

/* 0, or -1 with errno. */
static int signal_process(const struct exec *exec, int signal)
{
    return kill(exec->process.pid, signal);
}

static int signal_group(const struct exec *exec, int signal)
{
    /* 0 would be the agent's own group: there is no child yet. */
    if (exec->process.pid == 0) {
        errno = ESRCH;
        return -1;
    }
    return kill(-exec->process.pid, signal);
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
    bool is_gone = exec->is_reaped && request->scope == GONDOLIN_KILL_SCOPE_PROCESS;
    if (is_gone || (!exec->is_started && request->scope != GONDOLIN_KILL_SCOPE_TREE)) {
        errno = ESRCH;
        return -1;
    }
    if (request->scope == GONDOLIN_KILL_SCOPE_PROCESS)
        return signal_process(exec, signal);
    if (request->scope == GONDOLIN_KILL_SCOPE_GROUP)
        return signal_group(exec, signal);
    return signal_tree(exec, signal);
}

/* Replies to the KILL later, once no process of the exec is left. False if memory is out. */
static bool wait_for_empty(struct exec *exec, uint32_t request_id)
{
    struct kill_waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL)
        return false;
    *waiter = (struct kill_waiter){.next = exec->waiters, .request_id = request_id};
    exec->waiters = waiter;
    exec->sweep.is_clean = false;
    /* At once: the command itself may have left its cgroup. */
    exec_sweep(exec);
    /* The cgroup may be empty already, with only output left to send. */
    exec_watch_cgroup(exec);
    exec_advance(exec);
    return true;
}

void kill_note_past(uint32_t request_id, uint32_t session)
{
    past.entries[past.next] = (struct past_exec){.request_id = request_id, .session = session};
    past.next = (past.next + 1) % MAX_PAST;
}

void kill_forget_past(void)
{
    memset(past.entries, 0, sizeof past.entries);
    past.generation++;
}

static uint32_t find_past(uint32_t exec_request_id)
{
    for (size_t i = 0; i < MAX_PAST; i++) {
        if (past.entries[i].session != 0 && past.entries[i].request_id == exec_request_id)
            return past.entries[i].session;
    }
    return 0;
}

static void on_past_swept(struct sweep *sweep)
{
    struct past_kill *past_kill = LOOP_OWNER(sweep, struct past_kill, sweep);
    if (past_kill->generation == past.generation && sweep->has_found)
        reply_ok(past_kill->request_id);
    else if (past_kill->generation == past.generation)
        reply_error(past_kill->request_id, ESRCH, "kill");
    free(past_kill);
}

/* The command and its cgroup are gone; only processes that left the cgroup may remain. */
static void kill_past(uint32_t request_id, const struct kill_request *request)
{
    bool is_tree_kill = request->scope == GONDOLIN_KILL_SCOPE_TREE && request->signal == SIGKILL;
    uint32_t session = is_tree_kill ? find_past(request->exec_request_id) : 0;
    struct past_kill *past_kill = session == 0 ? NULL : calloc(1, sizeof *past_kill);
    if (past_kill == NULL) {
        reply_error(request_id, ESRCH, "kill");
        return;
    }
    past_kill->request_id = request_id;
    past_kill->generation = past.generation;
    sweep_start(&past_kill->sweep, session, on_past_swept);
}

void exec_kill(uint32_t request_id, const struct kill_request *request)
{
    struct exec *exec = exec_find(request->exec_request_id);
    if (exec == NULL) {
        kill_past(request_id, request);
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
