/*
 * The process that gondolin-js is started as. It runs no JavaScript. The engine that answers the host is a process of its
 * own; a snapshot is a fork of it that waits. To restore one, the snapshot forks the next engine and the last one ends (handover.h).
 *
 * When an engine ends that no other has replaced, the keeper tells the host and reads its requests until one of them restores a snapshot.
 */
#ifndef GONDOLIN_JS_KEEPER_H
#define GONDOLIN_JS_KEEPER_H

#include <stdint.h>

/* What an engine tells the keeper; SNAPSHOT carries the keeper's end of the snapshot's pair. */
enum keeper_order { ORDER_SNAPSHOT = 1, ORDER_FORGET = 2, ORDER_KEEP = 3 };

struct keeper_message {
    uint32_t order;
    uint32_t id;
};

/* Runs until the host is gone; gives the exit code. */
int keeper_run(void);

#endif
