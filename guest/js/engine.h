/* The process that runs JavaScript, and those that wait as its snapshots. */
#ifndef GONDOLIN_JS_ENGINE_H
#define GONDOLIN_JS_ENGINE_H

#include "snapshot.h"

/* Makes the runtime, once for all engines, which reach the keeper by this socket. */
void engine_prepare(int keeper_socket);

/* Waits as a snapshot, and runs as each engine that is forked from it. */
_Noreturn void engine_wait(const struct snapshot_ends *ends);

#endif
