/* The destination of a TCP or CONNECT stream on the wire (docs/protocol.md, "Guest streams"). Pure. */
#ifndef GONDOLIN_NET_DESTINATION_H
#define GONDOLIN_NET_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "net/packet/tuple.h"
#include "protocol.h"

/* Writes the tuple's local end in GONDOLIN_TCP_DESTINATION_BYTES; false for port 0, which no host can dial. */
bool net_destination_encode(const struct net_tuple *tuple, bool is_v4, uint8_t *destination);

enum net_destination {
    NET_DESTINATION_ADDRESS,
    /* Any address of the guest. */
    NET_DESTINATION_ANY,
    NET_DESTINATION_BAD,
};

/* Reads the GONDOLIN_TCP_DESTINATION_BYTES of a CONNECT. The address is set for NET_DESTINATION_ADDRESS. */
enum net_destination net_destination_decode(const uint8_t *destination, struct net_address *address, uint16_t *port);

#endif
