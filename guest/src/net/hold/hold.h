/*
 * Held connections: the host decides about a program's connect() before it returns.
 *
 *   SYN --> held, no response --> OPEN to the host --ACCEPT--> SYN once more, to the listener --> connection
 *                                                  --RESET---> by its reason: refused, unreachable, or no response
 *
 * If the host cannot be asked at the moment (900 connections are open), the program does not wait for another one to
 * end: its connection is admitted early, by a separate listener, and the host is asked once that is possible.
 *
 * No response at all is what a filtered port looks like: the program's kernel retransmits its SYN and finally gives up.
 */
#ifndef GONDOLIN_NET_HOLD_H
#define GONDOLIN_NET_HOLD_H

#include <stdbool.h>

#include "net/bpf/steer.h"
#include "runtime/failure.h"

/*
 * SYNs held at a time, including those that are let through; further SYNs are lost, and their kernel retransmits them.
 */
#define NET_HOLD_MAX NET_STEER_MAX_ACCEPTED

bool net_hold_start(struct failure *failure);

/* Returns true if the host can be asked about one more connection. */
bool net_hold_can_ask(void);

/* Attaches a new connection of the listener to the held connection of its SYN; false if there is none (any more). */
bool net_hold_adopt(int fd);

/* Asks the host about a connection that was admitted early; false if that is not possible. */
bool net_hold_start_early(int fd);

#endif
