/* The checksum of IP, ICMP and TCP: RFC 1071. Pure. */
#ifndef GONDOLIN_NET_CHECKSUM_H
#define GONDOLIN_NET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Adds an even number of bytes to a sum that starts at 0. */
uint32_t net_checksum_add(uint32_t sum, const void *bytes, size_t size);

/* Returns the checksum of the added bytes, in network order. */
uint16_t net_checksum_end(uint32_t sum);

#endif
