/* Loads the program of program.h into the kernel and keeps its maps. */
#ifndef GONDOLIN_NET_STEER_H
#define GONDOLIN_NET_STEER_H

#include <stdbool.h>

#include "net/packet/address.h"
#include "net/packet/tuple.h"
#include "runtime/failure.h"

/* Makes the maps and loads the program, which has no effect yet. */
bool net_steer_load(struct failure *failure);

/* Sets the socket for a key of program.h. */
bool net_steer_set_socket(unsigned key, int fd, struct failure *failure);

/* Adds or removes an own address. 0, or -1 with errno. */
int net_steer_set_own(const struct net_address *address, bool is_own);

/* Connections that may be let through at a time. */
#define NET_STEER_MAX_ACCEPTED 4096

/* Lets a connection through: NET_ACCEPTED, NET_ACCEPTED_EARLY, or 0 to hold it again. 0, or -1 with errno. */
int net_steer_set_accepted(const struct net_tuple *tuple, uint8_t how);

/* Attaches the program, which decides from then on until the agent ends. */
bool net_steer_attach(struct failure *failure);

#endif
