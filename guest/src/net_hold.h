/*
 * Held connections: a program's connect() is decided by the host before it returns.
 *
 *   SYN --> held, no answer --> OPEN to the host --ACCEPT--> SYN once more, to the listener --> connection
 *                                                --RESET---> what its reason says: refused, unreachable, or nothing
 *
 * Nothing at all is what a filtered port is: the program's kernel sends its SYN again and gives up in the end.
 */
#ifndef GONDOLIN_NET_HOLD_H
#define GONDOLIN_NET_HOLD_H

#include <stdbool.h>

#include "process.h"

/* SYNs held at a time, with those that wait for a stream; more are lost, and sent again by their kernel. */
#define NET_HOLD_MAX 4096

bool net_hold_start(struct failure *failure);

/* Asks the host about SYNs that wait for room. */
void net_hold_ask_more(void);

/* Gives a new connection of the listener to the SYN it began with; false when there is none (any more). */
bool net_hold_adopt(int fd);

#endif
