/*
 * Held connections: a program's connect() is decided by the host before it returns.
 *
 *   SYN --> held, no answer --> OPEN to the host --ACCEPT--> SYN once more, to the listener --> connection
 *                                                --RESET---> what its reason says: refused, unreachable, or nothing
 *
 * Where there is no room to ask, as with 900 connections open, a program is not kept waiting for another to end: it is let in
 * early, by a listener of its own, and the host is asked when there is room.
 *
 * Nothing at all is what a filtered port is: the program's kernel sends its SYN again and gives up in the end.
 */
#ifndef GONDOLIN_NET_HOLD_H
#define GONDOLIN_NET_HOLD_H

#include <stdbool.h>

#include "net/bpf/steer.h"
#include "runtime/failure.h"

/* SYNs held at a time, with those that are let in; more are lost, and sent again by their kernel. */
#define NET_HOLD_MAX NET_STEER_MAX_ACCEPTED

bool net_hold_start(struct failure *failure);

/* True when the host can be asked about one more connection. */
bool net_hold_has_room(void);

/* Gives a new connection of the listener to the SYN it began with; false when there is none (any more). */
bool net_hold_adopt(int fd);

/* Asks the host about a connection that was let in early; false when that cannot be. */
bool net_hold_start_early(int fd);

#endif
