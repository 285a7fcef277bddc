#include "freeze.h"

#include "channel/port.h"
#include "channel/reply.h"
#include "channel/streams.h"
#include "exec/exec.h"
#include "file/absent_names.h"
#include "file/disk.h"
#include "file/file_port.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/util.h"
#include "system/cgroup.h"
#include "system/counter.h"
#include "system/identity.h"

#define POLL_MS 1
/* A process that waits in a system call counts as stopped: it runs no code of its own. */
#define PROCESS_LIMIT_MS 1000

static struct {
    struct loop_timer poll;
    uint32_t request_id;
    uint64_t started_ms;
} freeze;

static void on_poll(struct loop_timer *timer)
{
    /* Processes first: the host still serves their file requests while they stop. */
    bool is_late = loop_now_ms() - freeze.started_ms >= PROCESS_LIMIT_MS;
    struct failure failure;
    if (!cgroup_all_frozen() && !is_late) {
        loop_timer_set(timer, POLL_MS);
        return;
    }
    if (!disk_detach_all(&failure)) {
        reply_failed(freeze.request_id, &failure);
        return;
    }
    /* The directories may change before the machine continues. */
    absent_names_pause();
    if (!file_port_pause()) {
        loop_timer_set(timer, POLL_MS);
        return;
    }
    uint64_t sent;
    uint64_t received;
    file_port_counts(&sent, &received);
    reply_frozen(freeze.request_id, sent, received, counter_khz());
}

void freeze_start(uint32_t request_id)
{
    if (freeze.poll.is_set) {
        reply_error(request_id, EALREADY, "freeze");
        return;
    }
    /* A program with the port runs only when the host has sent it something: stopping and resuming it would take a third of a start. */
    if (!exec_is_port_alone() && cgroup_freeze_all(true) != 0) {
        reply_error(request_id, errno, "freeze");
        return;
    }
    freeze.request_id = request_id;
    freeze.started_ms = loop_now_ms();
    freeze.poll.on_due = on_poll;
    on_poll(&freeze.poll);
}

/* Forgets what the previous host started; that host may have disconnected in the middle of a frame. */
static void start_session(void)
{
    exec_forget_all();
    streams_forget_all();
    port_clear();
    reply_hello();
}

void freeze_end(uint32_t request_id, const struct thaw_request *thaw)
{
    struct failure failure;
    loop_timer_clear(&freeze.poll);
    if ((thaw->flags & GONDOLIN_THAW_FLAG_NEW_SESSION) != 0)
        start_session();
    port_resume();
    /* Before any process runs: no two machines may share a clock, an identity or random numbers. */
    bool is_set = identity_set(&thaw->identity, &failure) && disk_attach_all(&failure);
    if (is_set && cgroup_freeze_all(false) != 0)
        is_set = failed(&failure, "thaw");
    absent_names_resume();
    file_port_resume();
    if (is_set)
        reply_ok(request_id);
    else
        reply_failed(request_id, &failure);
}
