/* NETWORK: from then on every connection of the guest goes to the host as a stream (docs/protocol.md). */
#ifndef GONDOLIN_NET_H
#define GONDOLIN_NET_H

#include "runtime/failure.h"

/* Sets everything up once; later calls do nothing. */
bool net_start(struct failure *failure);

#endif
