/* Both ends of a connection, in the form used by the BPF programs and the agent's tables. Pure. */
#ifndef GONDOLIN_NET_TUPLE_H
#define GONDOLIN_NET_TUPLE_H

#include <stdint.h>

#include "net/packet/address.h"

/*
 * `local` is the destination of the program's connect(), `remote` is the program. The layout is the key of a BPF map.
 */
struct net_tuple {
    struct net_address local;
    struct net_address remote;
    /* In host order. */
    uint16_t local_port;
    /* In network order. */
    uint16_t remote_port;
};

_Static_assert(sizeof(struct net_tuple) == 36, "a key of a map has no holes");

#endif
