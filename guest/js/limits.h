/*
 * Limits of a call. The signal of a limit ends the process wherever it is, also in the middle of a regular expression: no
 * engine continues after it.
 */
#ifndef GONDOLIN_JS_LIMITS_H
#define GONDOLIN_JS_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared.h"

/* Installs the signals' handlers in a new engine. */
void limits_init(void);

/* Starts the clocks of a request; 0 is no limit. If `asks_host`, the host may give more CPU time at the limit. */
void limits_start(uint32_t wall_ms, uint32_t cpu_ms, bool asks_host);

/* Stops them. What is measured then is in `shared`. */
void limits_stop(void);

/* While the host owes the reply to a call of the engine it is asked for nothing else. */
void limits_await_reply(bool is_awaited);

/* A frame is written whole, or not at all. */
void limits_pause(void);
void limits_resume(void);

/* Ends this engine; the keeper tells the host why. */
_Noreturn void limits_die(enum death death);

#endif
