/* The ring through which the filter passes held SYNs to the agent: a BPF ring buffer, mapped. */
#ifndef GONDOLIN_NET_RING_H
#define GONDOLIN_NET_RING_H

#include <stdbool.h>

#include "net/hold/program.h"
#include "runtime/failure.h"
#include "runtime/loop.h"

/* Makes the ring; returns its descriptor, to which the filter writes. -1 with the failure. */
int net_ring_open(struct failure *failure);

/* Calls `on_syns` when there are SYNs in it. */
bool net_ring_watch(void (*on_syns)(struct loop_source *source, uint32_t events), struct failure *failure);

/* Takes the next SYN out. False if there is none. */
bool net_ring_take(struct net_syn *syn);

#endif
