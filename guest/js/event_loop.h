/* Timers and the jobs of promises. */
#ifndef GONDOLIN_JS_EVENT_LOOP_H
#define GONDOLIN_JS_EVENT_LOOP_H

#include <stdbool.h>

#include "quickjs.h"

JSValue event_loop_set_timer(JSContext *context, JSValueConst this, int argc, JSValueConst *argv);
JSValue event_loop_clear_timer(JSContext *context, JSValueConst this, int argc, JSValueConst *argv);

/* `hooks.idle`, where there is one, is called with the milliseconds until the next timer, or -1: it waits for the host. */
void event_loop_set_hooks(JSContext *context, JSValueConst hooks);

/*
 * Runs jobs and timers until the promise settles; gives its value, or throws its reason. Another value is its own result.
 * Takes over the value. Throws where nothing is left that could settle it.
 */
JSValue event_loop_await(JSContext *context, JSValue value);

#endif
