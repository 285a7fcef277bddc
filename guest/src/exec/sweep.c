#include "exec/sweep.h"

#include "runtime/util.h"
#include "system/session.h"

#define AGAIN_MS 100

static void on_thread(struct worker_job *job)
{
    struct sweep *sweep = LOOP_OWNER(job, struct sweep, job);
    sweep->is_clean = session_kill(sweep->session, &sweep->has_found);
}

static void on_again(struct loop_timer *timer)
{
    worker_submit_steady(&LOOP_OWNER(timer, struct sweep, again)->job);
}

static void on_swept(struct worker_job *job)
{
    struct sweep *sweep = LOOP_OWNER(job, struct sweep, job);
    if (!sweep->is_clean) {
        sweep->again.on_due = on_again;
        loop_timer_set(&sweep->again, AGAIN_MS);
        return;
    }
    sweep->is_under_way = false;
    sweep->on_done(sweep);
}

void sweep_start(struct sweep *sweep, uint32_t session, void (*on_done)(struct sweep *sweep))
{
    if (sweep->is_under_way)
        return;
    sweep->is_under_way = true;
    sweep->is_clean = false;
    sweep->session = session;
    sweep->on_done = on_done;
    sweep->job.work = on_thread;
    sweep->job.done = on_swept;
    worker_submit_steady(&sweep->job);
}
