/* Keeps the steering program told of the guest's own addresses: those of lo and of bridges that come and go. */
#ifndef GONDOLIN_NET_LOCAL_ADDRESSES_H
#define GONDOLIN_NET_LOCAL_ADDRESSES_H

#include "runtime/failure.h"

/* Reads the addresses there are and listens for changes. After net_steer_load(). */
bool net_local_addresses_watch(struct failure *failure);

#endif
