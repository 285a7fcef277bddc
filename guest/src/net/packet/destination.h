/* The destination of a TCP stream on the wire (docs/protocol.md, "Guest streams"). Pure. */
#ifndef GONDOLIN_NET_DESTINATION_H
#define GONDOLIN_NET_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "net/packet/tuple.h"
#include "protocol.h"

/* Writes the tuple's local end in GONDOLIN_TCP_DESTINATION_BYTES; false for port 0, which no host can dial. */
bool net_destination_encode(const struct net_tuple *tuple, bool is_v4, uint8_t *destination);

#endif
