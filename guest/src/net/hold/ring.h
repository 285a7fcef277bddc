/* The ring by which the filter of held connections tells the agent of them: a BPF ring buffer, mapped. */
#ifndef GONDOLIN_NET_RING_H
#define GONDOLIN_NET_RING_H

#include <stdbool.h>

#include "net/hold/program.h"
#include "runtime/failure.h"
#include "runtime/loop.h"

/* Makes the ring; its descriptor, which the filter writes to. -1 after a failure. */
int net_ring_open(struct failure *failure);

/* Calls `on_syns` when there are some. */
bool net_ring_watch(void (*on_syns)(struct loop_source *source, uint32_t events), struct failure *failure);

/* Takes the next SYN out. False when there is none. */
bool net_ring_take(struct net_syn *syn);

#endif
