#include "system/cgroup_pool.h"

#include "runtime/loop.h"
#include "runtime/util.h"

#define READY_CGROUPS 4
#define MAX_RETIRED 1024
/* Not while the host waits for the command that took or left one. */
#define WORK_DELAY_MS 1000
/* Cgroups that are removed in one turn: a request that arrives then waits for no more of them. */
#define WORK_BATCH 16
/* A process that has just died may still hold it. */
#define MAX_ATTEMPTS 50

struct retired {
    uint32_t id;
    unsigned attempts;
};

static struct {
    struct cgroup ready[READY_CGROUPS];
    size_t ready_count;
    struct retired retired[MAX_RETIRED];
    size_t retired_count;
    struct loop_timer work;
} pool;

static void remove_one(void)
{
    struct retired *last = &pool.retired[pool.retired_count - 1];
    if (!cgroup_remove(last->id) && ++last->attempts < MAX_ATTEMPTS) {
        /* Next time, another one is tried first. */
        struct retired again = *last;
        *last = pool.retired[0];
        pool.retired[0] = again;
        return;
    }
    pool.retired_count--;
}

static void on_work(struct loop_timer *timer)
{
    cgroup_pool_fill();
    for (int i = 0; i < WORK_BATCH && pool.retired_count > 0; i++)
        remove_one();
    if (pool.retired_count > 0)
        loop_timer_set(timer, WORK_DELAY_MS);
}

static void work_later(void)
{
    if (pool.work.is_set)
        return;
    pool.work.on_due = on_work;
    loop_timer_set(&pool.work, WORK_DELAY_MS);
}

void cgroup_pool_fill(void)
{
    while (pool.ready_count < READY_CGROUPS && cgroup_create(&pool.ready[pool.ready_count]) == 0)
        pool.ready_count++;
}

int cgroup_take(struct cgroup *cgroup)
{
    if (pool.ready_count == 0)
        return cgroup_create(cgroup);
    *cgroup = pool.ready[--pool.ready_count];
    work_later();
    return 0;
}

void cgroup_retire(struct cgroup *cgroup)
{
    if (cgroup->directory_fd < 0)
        return;
    cgroup_close(cgroup);
    /* So many that it may be an attack: removed as they come. */
    if (pool.retired_count == MAX_RETIRED)
        remove_one();
    if (pool.retired_count < MAX_RETIRED)
        pool.retired[pool.retired_count++] = (struct retired){.id = cgroup->id};
    work_later();
}
