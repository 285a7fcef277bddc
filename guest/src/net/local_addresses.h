/* Keeps the steering program informed of the guest's own addresses: those of lo and of bridges that come and go. */
#ifndef GONDOLIN_NET_LOCAL_ADDRESSES_H
#define GONDOLIN_NET_LOCAL_ADDRESSES_H

#include "runtime/failure.h"

/* Reads the present addresses and listens for changes. Call after net_steer_load(). */
bool net_local_addresses_watch(struct failure *failure);

#endif
