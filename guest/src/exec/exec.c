#include "exec/exec.h"

#include "channel/reply.h"
#include "exec/child.h"
#include "exec/record.h"
#include "exec/stdio_pipes.h"
#include "exec/terminal.h"
#include "file/java_store.h"
#include "runtime/log.h"
#include "runtime/util.h"
#include "system/cgroup_pool.h"

#define MAX_EXECS 1024
#define AFTERMATH_MS 2

static struct exec *execs;
static size_t exec_count;

struct exec *exec_find(uint32_t request_id)
{
    struct exec *exec = execs;
    while (exec != NULL && exec->request_id != request_id)
        exec = exec->next;
    return exec;
}

static void forget(struct exec *exec)
{
    struct exec **link = &execs;
    while (*link != exec)
        link = &(*link)->next;
    *link = exec->next;
    exec_count--;
    loop_remove(&exec->events);
    loop_timer_clear(&exec->aftermath);
    cgroup_retire(&exec->cgroup);
    if (exec->session != 0)
        kill_note_past(exec->request_id, exec->session);
    free(exec);
}

static void reply_to_waiters(struct exec *exec)
{
    while (exec->waiters != NULL) {
        struct kill_waiter *waiter = exec->waiters;
        exec->waiters = waiter->next;
        reply_ok(waiter->request_id);
        free(waiter);
    }
}

/* Takes every step that is due. The only place that frees the record of a command that ran. */
void exec_advance(struct exec *exec)
{
    if (exec->is_finishing || !exec->is_reaped || !exec->is_started)
        return;
    if (!exec->is_exited_sent && exec->output_pipes[0] == NULL && exec->output_pipes[1] == NULL) {
        exec->is_exited_sent = true;
        reply_exited(exec->request_id, exec->status, cgroup_ran_out_of_memory(&exec->cgroup));
        /* The host waits for EXITED; the rest follows once it has been written. */
        if (exec->waiters == NULL) {
            loop_timer_set(&exec->aftermath, AFTERMATH_MS);
            return;
        }
    }
    if (exec->cgroup.events_fd >= 0 && !cgroup_is_empty(&exec->cgroup)) {
        exec_watch_cgroup(exec);
        return;
    }
    if (exec->waiters != NULL && !exec->sweep.is_clean)
        exec_sweep(exec);
    if (exec->sweep.is_under_way)
        return;
    reply_to_waiters(exec);
    if (exec->is_exited_sent)
        forget(exec);
}

static void on_swept(struct sweep *sweep)
{
    exec_advance(LOOP_OWNER(sweep, struct exec, sweep));
}

void exec_sweep(struct exec *exec)
{
    if (exec->session != 0)
        sweep_start(&exec->sweep, exec->session, on_swept);
}

static void on_aftermath(struct loop_timer *timer)
{
    exec_advance(LOOP_OWNER(timer, struct exec, aftermath));
}

static void on_events_ready(struct loop_source *source, uint32_t events)
{
    struct exec *exec = LOOP_OWNER(source, struct exec, events);
    (void)events;
    if (!cgroup_is_empty(&exec->cgroup))
        return;
    loop_remove(source);
    exec_advance(exec);
}

void exec_watch_cgroup(struct exec *exec)
{
    if (!exec->events.is_added && loop_add(&exec->events, EPOLLPRI) != 0)
        log_error("exec %u: cannot watch its cgroup: %s", exec->request_id, strerror(errno));
}

void exec_forget_all(void)
{
    kill_forget_past();
    for (struct exec *exec = execs; exec != NULL; exec = exec->next) {
        if (!exec->has_port) {
            exec->request_id = 0;
            exec->is_exited_sent = true;
        }
        memset(exec->streams, 0, sizeof exec->streams);
        while (exec->waiters != NULL) {
            struct kill_waiter *waiter = exec->waiters;
            exec->waiters = waiter->next;
            free(waiter);
        }
    }
}

bool exec_is_port_alone(void)
{
    return exec_count == 1 && execs->has_port;
}

bool exec_on_reaped(pid_t pid, int status)
{
    struct exec *exec = execs;
    while (exec != NULL && (exec->process.pid != pid || exec->is_reaped))
        exec = exec->next;
    if (exec == NULL)
        return false;
    exec->is_reaped = true;
    exec->status = status;
    /* A short command may have ended before its thread has reported that it runs. */
    if (exec->is_started)
        stdio_pipes_finish(exec);
    return true;
}

void exec_resize(uint32_t request_id, const struct resize_request *request)
{
    const struct exec *exec = exec_find(request->exec_request_id);
    int error = 0;
    if (exec == NULL)
        error = ESRCH;
    else if (exec->terminal == NULL)
        /* Its output is complete, or it never had one. */
        error = exec->is_reaped ? ESRCH : ENOTTY;
    else if (terminal_resize(exec->terminal, &request->size) != 0)
        error = errno;
    if (error == 0)
        reply_ok(request_id);
    else
        reply_error(request_id, error, "resize");
}

static void on_start_thread(struct worker_job *job)
{
    /* On the thread: root of the guest may have mounted a file system that never replies on a directory of JVMs. */
    java_store_link();
    spawn_child(&LOOP_OWNER(job, struct exec, start)->process);
}

/* The program did not run; all that is left is a child that has ended. */
static void abandon(struct exec *exec)
{
    stdio_pipes_drop(exec);
    reply_to_waiters(exec);
    exec->session = 0;
    forget(exec);
}

static void on_start_done(struct worker_job *job)
{
    struct exec *exec = LOOP_OWNER(job, struct exec, start);
    exec->session = exec_child_session(exec->child);
    exec_child_free(exec->child);
    exec->child = NULL;
    exec->is_started = true;
    /* 0: the host that asked has disconnected. */
    if (exec->process.has_failed) {
        if (exec->request_id != 0)
            reply_failed(exec->request_id, &exec->process.failure);
        abandon(exec);
        return;
    }
    if (exec->request_id != 0)
        reply_ok_pid(exec->request_id, exec->process.pid);
    stdio_pipes_start(exec);
    if (exec->is_reaped)
        stdio_pipes_finish(exec);
}

/* Prepares everything that the thread needs. */
static bool prepare(struct exec *exec, struct exec_request *request, struct failure *failure)
{
    int stdio[3] = {-1, -1, -1};
    if (!stdio_pipes_connect(exec, request, stdio, failure)) {
        for (size_t i = 0; i < ARRAY_LENGTH(stdio); i++)
            close_quietly(stdio[i]);
        return false;
    }
    exec->child = exec_child_create(request, stdio);
    if (exec->child == NULL)
        return failed(failure, "memory");
    if (cgroup_take(&exec->cgroup) != 0)
        return failed(failure, "cgroup");
    exec->events.fd = exec->cgroup.events_fd;
    exec->process = (struct spawn){
        .run = exec_child_run,
        .context = exec->child,
        .cgroup_fd = exec->cgroup.directory_fd,
    };
    return true;
}

void exec_start(uint32_t request_id, struct exec_request *request)
{
    struct exec *exec = exec_count < MAX_EXECS && exec_find(request_id) == NULL ? calloc(1, sizeof *exec) : NULL;
    if (exec == NULL) {
        reply_error(request_id, exec_find(request_id) == NULL ? EAGAIN : EEXIST, "exec record");
        return;
    }
    exec->request_id = request_id;
    exec->cgroup = (struct cgroup){.directory_fd = -1, .events_fd = -1};
    exec->aftermath.on_due = on_aftermath;
    exec->events = (struct loop_source){.fd = -1, .on_ready = on_events_ready};
    exec->start = (struct worker_job){.work = on_start_thread, .done = on_start_done};
    exec->next = execs;
    execs = exec;
    exec_count++;
    struct failure failure;
    if (prepare(exec, request, &failure)) {
        worker_submit(&exec->start);
        return;
    }
    reply_failed(request_id, &failure);
    if (exec->child != NULL)
        exec_child_free(exec->child);
    abandon(exec);
}
