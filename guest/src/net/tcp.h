/* The listeners of captured connections: of those that the host has accepted, and of those admitted early. */
#ifndef GONDOLIN_NET_TCP_H
#define GONDOLIN_NET_TCP_H

#include "runtime/failure.h"

/* Opens the listeners and registers them with the steering program. Call after the routes are set. */
bool net_tcp_start(struct failure *failure);

/* Continues accepting where it had to stop. Call once per loop turn. */
void net_tcp_accept_more(void);

#endif
