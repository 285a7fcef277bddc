/* Loads the program of net_program.h into the kernel and keeps its maps. */
#ifndef GONDOLIN_NET_STEER_H
#define GONDOLIN_NET_STEER_H

#include <stdbool.h>

#include "net/packet/address.h"
#include "net/packet/tuple.h"
#include "runtime/failure.h"

/* Makes the maps and loads the program; it does nothing yet. */
bool net_steer_load(struct failure *failure);

/* Names the socket of a key of net_program.h. */
bool net_steer_set_socket(unsigned key, int fd, struct failure *failure);

/* Adds or removes an own address. 0, or -1 with errno. */
int net_steer_set_own(const struct net_address *address, bool is_own);

/* Connections that are let through at a time. */
#define NET_STEER_MAX_ACCEPTED 4096

/* Lets a connection through: NET_ACCEPTED, NET_ACCEPTED_EARLY, or 0 to hold it again. 0, or -1 with errno. */
int net_steer_set_accepted(const struct net_tuple *tuple, uint8_t how);

/* From here on the program decides, until the agent ends. */
bool net_steer_attach(struct failure *failure);

#endif
