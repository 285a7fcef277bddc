/* The process that runs JavaScript, and those that wait as its snapshots. */
#ifndef GONDOLIN_JS_ENGINE_H
#define GONDOLIN_JS_ENGINE_H

/* Makes the runtime, once for all engines. */
void engine_prepare(void);

/* The message to a snapshot. */
#define FORK "f"

/* Waits as a snapshot: each message on the socket brings the keeper's socket of a new engine, which is forked. */
_Noreturn void engine_wait(int socket);

#endif
