#include "exec.h"

#include <fcntl.h>

#include "cgroup_pool.h"
#include "exec_child.h"
#include "exec_record.h"
#include "inlet.h"
#include "log.h"
#include "outlet.h"
#include "reply.h"
#include "streams.h"
#include "util.h"

#define MAX_EXECS 1024
#define OUTPUT_PIPE_BYTES 1048576
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
    free(exec);
}

static void answer_waiters(struct exec *exec)
{
    while (exec->waiters != NULL) {
        struct kill_waiter *waiter = exec->waiters;
        exec->waiters = waiter->next;
        reply_ok(waiter->request_id);
        free(waiter);
    }
}

/* Takes every step that is due. The only place that frees a record that runs. */
void exec_advance(struct exec *exec)
{
    if (exec->is_finishing || !exec->is_reaped)
        return;
    if (!exec->is_exited_sent && exec->outlets[0] == NULL && exec->outlets[1] == NULL) {
        exec->is_exited_sent = true;
        reply_exited(exec->request_id, exec->status, cgroup_ran_out_of_memory(&exec->cgroup));
        /* The host waits for that; the rest is for after it has left. */
        if (exec->waiters == NULL) {
            loop_timer_set(&exec->aftermath, AFTERMATH_MS);
            return;
        }
    }
    if (exec->cgroup.events_fd >= 0 && !cgroup_is_empty(&exec->cgroup)) {
        exec_watch_cgroup(exec);
        return;
    }
    answer_waiters(exec);
    if (exec->is_exited_sent)
        forget(exec);
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

static void on_output_done(void *owner, struct outlet *outlet)
{
    struct exec *exec = owner;
    for (size_t i = 0; i < ARRAY_LENGTH(exec->outlets); i++) {
        if (exec->outlets[i] == outlet)
            exec->outlets[i] = NULL;
    }
    if (exec->is_reaped)
        exec_advance(exec);
}

/* The process is dead: what is in its pipes now is its output. */
static void finish_output(struct exec *exec)
{
    struct outlet *outlets[2] = {exec->outlets[0], exec->outlets[1]};
    exec->is_finishing = true;
    for (size_t i = 0; i < ARRAY_LENGTH(outlets); i++) {
        if (outlets[i] != NULL)
            outlet_finish(outlets[i]);
    }
    exec->is_finishing = false;
    exec_advance(exec);
}

static void on_started(struct exec *exec)
{
    reply_ok_pid(exec->request_id, exec->pid);
    struct mux_stream *input = streams_get(exec->streams[0]);
    if (input != NULL) {
        streams_send_eof(input);
        if (input->inlet != NULL)
            inlet_feed(input->inlet);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(exec->outlets); i++) {
        if (exec->outlets[i] != NULL)
            outlet_resume(exec->outlets[i]);
    }
}

/* Ends the streams of an EXEC that will not run. */
static void drop_streams(struct exec *exec)
{
    for (size_t i = 0; i < ARRAY_LENGTH(exec->outlets); i++) {
        if (exec->outlets[i] != NULL)
            outlet_discard(exec->outlets[i]);
        exec->outlets[i] = NULL;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(exec->streams); i++) {
        struct mux_stream *stream = streams_get(exec->streams[i]);
        if (stream != NULL)
            streams_reset(stream, GONDOLIN_RESET_CANCELLED);
    }
}

void exec_forget_all(void)
{
    for (struct exec *exec = execs; exec != NULL; exec = exec->next) {
        exec->request_id = 0;
        exec->is_exited_sent = true;
        memset(exec->streams, 0, sizeof exec->streams);
        while (exec->waiters != NULL) {
            struct kill_waiter *waiter = exec->waiters;
            exec->waiters = waiter->next;
            free(waiter);
        }
    }
}

bool exec_on_reaped(pid_t pid, int status)
{
    struct exec *exec = execs;
    while (exec != NULL && (exec->pid != pid || exec->is_reaped))
        exec = exec->next;
    if (exec == NULL)
        return false;
    exec->is_reaped = true;
    exec->status = status;
    finish_output(exec);
    return true;
}

static bool claim_streams(struct exec *exec, const struct exec_request *request, struct failure *failure)
{
    const uint32_t ids[3] = {request->stdin_stream, request->stdout_stream, request->stderr_stream};
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
        bool is_shared = i == 2 && ids[2] == ids[1];
        if (ids[i] == 0 || is_shared)
            continue;
        if (streams_claim(ids[i]) == NULL) {
            errno = EINVAL;
            return failed(failure, "stream %u", ids[i]);
        }
        exec->streams[i] = ids[i];
    }
    return true;
}

/* The agent's and the child's end of one stdio pipe. */
static bool open_pipe(size_t index, int *agent_end, int *child_end, struct failure *failure)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return failed(failure, "pipe");
    bool is_input = index == 0;
    *agent_end = is_input ? ends[1] : ends[0];
    *child_end = is_input ? ends[0] : ends[1];
    if (fcntl(*agent_end, F_SETFL, O_NONBLOCK) != 0)
        return failed(failure, "pipe");
    if (!is_input)
        (void)fcntl(*agent_end, F_SETPIPE_SZ, OUTPUT_PIPE_BYTES);
    return true;
}

static bool connect_stream(struct exec *exec, size_t index, int *child_end, struct failure *failure)
{
    AUTO_CLOSE int agent_end = -1;
    if (exec->streams[index] == 0)
        return true;
    if (!open_pipe(index, &agent_end, child_end, failure))
        return false;
    struct mux_stream *stream = streams_get(exec->streams[index]);
    bool is_connected;
    if (index == 0) {
        is_connected = inlet_create(agent_end, stream) != NULL;
    } else {
        exec->outlets[index - 1] = outlet_create(agent_end, stream, exec, on_output_done);
        is_connected = exec->outlets[index - 1] != NULL;
    }
    if (!is_connected)
        return failed(failure, "memory");
    (void)take_fd(&agent_end);
    return true;
}

/* Opened once: a lookup less for each command. -1 with errno. */
static int null_device(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd;
}

static bool launch(struct exec *exec, const struct exec_request *request, int *stdio, struct failure *failure)
{
    for (size_t i = 0; i < 3; i++) {
        if (!connect_stream(exec, i, &stdio[i], failure))
            return false;
    }
    if (cgroup_take(&exec->cgroup) != 0)
        return failed(failure, "cgroup");
    exec->events.fd = exec->cgroup.events_fd;
    bool is_shared = request->stderr_stream != 0 && request->stderr_stream == request->stdout_stream;
    struct exec_child child = {.request = request, .stdio = {stdio[0], stdio[1], is_shared ? stdio[1] : stdio[2]}};
    for (size_t i = 0; i < ARRAY_LENGTH(child.stdio); i++) {
        if (child.stdio[i] < 0)
            child.stdio[i] = null_device();
    }
    exec->pid = process_spawn(exec->cgroup.directory_fd, exec_child_run, &child, failure);
    return exec->pid > 0;
}

static void abandon(struct exec *exec)
{
    drop_streams(exec);
    cgroup_retire(&exec->cgroup);
    free(exec);
}

void exec_start(uint32_t request_id, const struct exec_request *request)
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
    struct failure failure;
    int stdio[3] = {-1, -1, -1};
    bool is_launched = claim_streams(exec, request, &failure) && launch(exec, request, stdio, &failure);
    for (size_t i = 0; i < ARRAY_LENGTH(stdio); i++)
        close_quietly(stdio[i]);
    if (!is_launched) {
        reply_failed(request_id, &failure);
        abandon(exec);
        return;
    }
    exec->next = execs;
    execs = exec;
    exec_count++;
    on_started(exec);
}
