/* Routes that make every address local to this machine, without a network card. */
#ifndef GONDOLIN_NET_ROUTE_H
#define GONDOLIN_NET_ROUTE_H

#include "runtime/failure.h"

/* Returns true if the kernel has IPv6. */
bool net_route_has_v6(void);

/*
 * Brings lo up with the guest's own addresses and a local default route of each family. The route is in the table
 * `local`, where the kernel looks when a socket uses a foreign source address, but that table's default comes into
 * play only after the table `main`: routes to the bridges of containers win.
 */
bool net_route_setup(struct failure *failure);

#endif
