/* The destination of a TCP stream on the wire (docs/protocol.md, "Guest streams"). Pure. */
#ifndef GONDOLIN_NET_DESTINATION_H
#define GONDOLIN_NET_DESTINATION_H

#include <stdbool.h>
#include <stdint.h>

#include "../protocol.h"
#include "net_address.h"

/* Writes GONDOLIN_TCP_DESTINATION_BYTES; false for another family and for port 0, which no host can dial. */
bool net_destination_encode(const union net_sockaddr *address, uint8_t *destination);

#endif
