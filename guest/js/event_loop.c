#include "event_loop.h"

#include <stdlib.h>
#include <time.h>

#include "runtime/util.h"

#define MAX_TIMERS 10000

struct timer {
    struct timer *next;
    uint32_t id;
    uint64_t due_us;
    JSValue callback;
};

/* By the time they are due; those of one time in the order they were set. */
static struct timer *timers;
static uint32_t last_id, timer_count;

static JSValue hooks;

void event_loop_set_hooks(JSContext *context, JSValueConst new_hooks)
{
    hooks = JS_DupValue(context, new_hooks);
}

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

JSValue event_loop_set_timer(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    double delay_ms;
    (void)this;
    if (argc < 2 || !JS_IsFunction(context, argv[0]) || JS_ToFloat64(context, &delay_ms, argv[1]) != 0)
        return JS_ThrowTypeError(context, "a timer needs a function");
    if (timer_count >= MAX_TIMERS)
        return JS_ThrowRangeError(context, "more than %d timers", MAX_TIMERS);
    /* As in browsers: what is no number, negative or over 2^31 - 1 is due at once. */
    if (!(delay_ms >= 1 && delay_ms <= 2147483647))
        delay_ms = 1;
    struct timer *timer = malloc(sizeof *timer);
    if (timer == NULL)
        return JS_ThrowOutOfMemory(context);
    *timer = (struct timer){
        .id = ++last_id, .due_us = now_us() + (uint64_t)(delay_ms * 1000), .callback = JS_DupValue(context, argv[0])};
    struct timer **link = &timers;
    while (*link != NULL && (*link)->due_us <= timer->due_us)
        link = &(*link)->next;
    timer->next = *link;
    *link = timer;
    timer_count++;
    return JS_NewUint32(context, timer->id);
}

static JSValue unlink_timer(struct timer **link)
{
    struct timer *timer = *link;
    JSValue callback = timer->callback;
    *link = timer->next;
    free(timer);
    timer_count--;
    return callback;
}

JSValue event_loop_clear_timer(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    uint32_t id;
    (void)this;
    if (argc < 1 || JS_ToUint32(context, &id, argv[0]) != 0)
        return JS_EXCEPTION;
    for (struct timer **link = &timers; *link != NULL; link = &(*link)->next)
        if ((*link)->id == id) {
            JS_FreeValue(context, unlink_timer(link));
            break;
        }
    return JS_UNDEFINED;
}

/* Sleeps until the first timer is due and calls it. False on an exception. */
static bool run_timer(JSContext *context)
{
    uint64_t now = now_us();
    if (timers->due_us > now) {
        uint64_t pause_us = timers->due_us - now;
        struct timespec pause = {.tv_sec = (time_t)(pause_us / 1000000), .tv_nsec = (long)(pause_us % 1000000) * 1000};
        (void)nanosleep(&pause, NULL);
    }
    JSValue callback = unlink_timer(&timers);
    JSValue result = JS_Call(context, callback, JS_UNDEFINED, 0, NULL);
    JS_FreeValue(context, callback);
    bool is_ok = !JS_IsException(result);
    JS_FreeValue(context, result);
    return is_ok;
}

/* 1: the host was waited for, for no longer than until the next timer is due; 0: there is nothing to wait for; -1: an exception. */
static int wait_for_host(JSContext *context)
{
    JSValue idle = JS_GetPropertyStr(context, hooks, "idle");
    if (!JS_IsFunction(context, idle)) {
        JS_FreeValue(context, idle);
        return 0;
    }
    double limit_ms = timers == NULL ? -1 : (double)(timers->due_us - now_us() + 999) / 1000;
    JSValue argument = JS_NewFloat64(context, limit_ms);
    JSValue result = JS_Call(context, idle, JS_UNDEFINED, 1, &argument);
    JS_FreeValue(context, idle);
    int outcome = JS_IsException(result) ? -1 : JS_ToBool(context, result);
    JS_FreeValue(context, result);
    return outcome;
}

/* What may settle a promise while no job is left. False on an exception. */
static bool run_next(JSContext *context)
{
    bool is_due = timers != NULL && timers->due_us <= now_us();
    int outcome = is_due ? 0 : wait_for_host(context);
    if (outcome != 0)
        return outcome > 0;
    if (timers != NULL)
        return run_timer(context);
    (void)JS_ThrowTypeError(context, "a promise that nothing can settle any more");
    return false;
}

static bool run_job(JSContext *context)
{
    JSContext *failed;
    return JS_ExecutePendingJob(JS_GetRuntime(context), &failed) >= 0;
}

JSValue event_loop_await(JSContext *context, JSValue value)
{
    JSRuntime *runtime = JS_GetRuntime(context);
    while (JS_IsJobPending(runtime) || JS_PromiseState(context, value) == JS_PROMISE_PENDING) {
        if (!(JS_IsJobPending(runtime) ? run_job(context) : run_next(context))) {
            JS_FreeValue(context, value);
            return JS_EXCEPTION;
        }
    }
    JSPromiseStateEnum state = JS_PromiseState(context, value);
    if (state != JS_PROMISE_FULFILLED && state != JS_PROMISE_REJECTED)
        return value;
    JSValue result = JS_PromiseResult(context, value);
    JS_FreeValue(context, value);
    return state == JS_PROMISE_FULFILLED ? result : JS_Throw(context, result);
}
