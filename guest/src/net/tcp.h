/* The listeners of captured connections: of those that the host has accepted, and of those that were let in early. */
#ifndef GONDOLIN_NET_TCP_H
#define GONDOLIN_NET_TCP_H

#include "runtime/failure.h"

/* Opens the listeners and names them to the program. After the routes. */
bool net_tcp_start(struct failure *failure);

/* Goes on accepting where it had to stop. Called once per loop turn. */
void net_tcp_accept_more(void);

#endif
