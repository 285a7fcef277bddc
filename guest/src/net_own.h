/* Keeps the steering program told of the guest's own addresses: those of lo and of bridges that come and go. */
#ifndef GONDOLIN_NET_OWN_H
#define GONDOLIN_NET_OWN_H

#include "process.h"

/* Reads the addresses there are and listens for changes. After net_steer_load(). */
bool net_own_watch(struct failure *failure);

#endif
