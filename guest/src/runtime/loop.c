#include "runtime/loop.h"

#include <time.h>

#include "runtime/util.h"

#define MAX_BATCH 64

static struct {
    int epoll_fd;
    bool is_stopped;
    struct epoll_event batch[MAX_BATCH];
    int batch_length;
    struct loop_timer *timers;
    bool (*on_batch_end)(void);
} loop;

int loop_init(void)
{
    loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return loop.epoll_fd < 0 ? -1 : 0;
}

int loop_add(struct loop_source *source, uint32_t events)
{
    if (source->is_added)
        return loop_modify(source, events);
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, source->fd, &event) != 0)
        return -1;
    source->is_added = true;
    return 0;
}

int loop_modify(struct loop_source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(loop.epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void loop_remove(struct loop_source *source)
{
    if (!source->is_added)
        return;
    source->is_added = false;
    (void)epoll_ctl(loop.epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    for (int i = 0; i < loop.batch_length; i++) {
        if (loop.batch[i].data.ptr == source)
            loop.batch[i].data.ptr = NULL;
    }
}

uint64_t loop_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void loop_timer_set(struct loop_timer *timer, uint64_t delay_ms)
{
    timer->due_ms = loop_now_ms() + delay_ms;
    if (timer->is_set)
        return;
    timer->is_set = true;
    timer->next = loop.timers;
    loop.timers = timer;
}

void loop_timer_clear(struct loop_timer *timer)
{
    if (!timer->is_set)
        return;
    timer->is_set = false;
    struct loop_timer **link = &loop.timers;
    while (*link != timer)
        link = &(*link)->next;
    *link = timer->next;
}

static struct loop_timer *earliest_timer(void)
{
    struct loop_timer *earliest = loop.timers;
    for (struct loop_timer *timer = loop.timers; timer != NULL; timer = timer->next) {
        if (timer->due_ms < earliest->due_ms)
            earliest = timer;
    }
    return earliest;
}

static int sleep_limit_ms(void)
{
    const struct loop_timer *timer = earliest_timer();
    if (timer == NULL)
        return -1;
    uint64_t now = loop_now_ms();
    return timer->due_ms <= now ? 0 : (int)(timer->due_ms - now);
}

static void fire_timers(void)
{
    uint64_t now = loop_now_ms();
    for (;;) {
        struct loop_timer *timer = earliest_timer();
        if (timer == NULL || timer->due_ms > now)
            return;
        loop_timer_clear(timer);
        timer->on_due(timer);
    }
}

void loop_on_batch_end(bool (*callback)(void))
{
    loop.on_batch_end = callback;
}

void loop_stop(void)
{
    loop.is_stopped = true;
}

int loop_run(void)
{
    while (!loop.is_stopped) {
        bool is_busy = loop.on_batch_end != NULL && loop.on_batch_end();
        int count = epoll_wait(loop.epoll_fd, loop.batch, MAX_BATCH, is_busy ? 0 : sleep_limit_ms());
        if (count < 0 && errno != EINTR)
            return -1;
        loop.batch_length = count < 0 ? 0 : count;
        for (int i = 0; i < loop.batch_length; i++) {
            struct loop_source *source = loop.batch[i].data.ptr;
            if (source != NULL)
                source->on_ready(source, loop.batch[i].events);
        }
        loop.batch_length = 0;
        fire_timers();
    }
    return 0;
}
