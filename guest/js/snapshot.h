/*
 * A snapshot is a process that waits to be forked. Whoever wants an engine of it asks by its name, which needs no descriptor; the
 * keeper has one end of a socket pair besides, whose end ends the snapshot.
 */
#ifndef GONDOLIN_JS_SNAPSHOT_H
#define GONDOLIN_JS_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

/* Both ends of a new snapshot: what it is asked by, and the pair that it shares with the keeper. */
struct snapshot_ends {
    int asked;
    int keeper;
    int snapshot;
};

/* Prepares the names, before any snapshot. False if no descriptor is left. */
bool snapshot_prepare(void);

/* False if no descriptor is left. */
bool snapshot_open(uint32_t id, struct snapshot_ends *ends);

/* Gives back what only the process of the snapshot needs. */
void snapshot_close(const struct snapshot_ends *ends);

/* Waits as a snapshot. Returns in each engine that is forked, with the engine's number. */
uint32_t snapshot_wait(const struct snapshot_ends *ends);

/* Asks for the engine of this number; asking again makes no difference. False if the process of the snapshot has ended. */
bool snapshot_ask(uint32_t id, uint32_t number);

/* For the keeper: gives the snapshot time to fork. False if its process has ended. */
bool snapshot_await_fork(int keeper);

#endif
