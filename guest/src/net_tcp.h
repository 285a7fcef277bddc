/* The listener of captured connections: takes those that the host has accepted. */
#ifndef GONDOLIN_NET_TCP_H
#define GONDOLIN_NET_TCP_H

#include "process.h"

/* Opens the listeners and names them to the program. After the routes. */
bool net_tcp_start(struct failure *failure);

#endif
