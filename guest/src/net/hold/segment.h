/*
 * The packets that the agent sends for a held connection: the program's own SYN once more, and the errors with which a
 * network refuses a SYN. Without their network header, which the kernel writes. Pure.
 */
#ifndef GONDOLIN_NET_SEGMENT_H
#define GONDOLIN_NET_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/hold/program.h"
#include "net/packet/tuple.h"

#define NET_SEGMENT_MAX_BYTES 64

enum net_unreachable { NET_UNREACHABLE_HOST, NET_UNREACHABLE_NETWORK };

/* Reads both ends of the SYN's connection. False if the header is not valid. */
bool net_segment_tuple(const struct net_syn *syn, struct net_tuple *tuple);

/* Each returns the length in bytes of what it wrote. The kernel computes the checksums of IPv6. */
size_t net_segment_syn(const struct net_syn *syn, uint8_t *bytes);

/* A reset from the destination: the connection is refused. */
size_t net_segment_reset(const struct net_syn *syn, uint8_t *bytes);

/* An ICMP or ICMPv6 error: the destination is unreachable. */
size_t net_segment_unreachable(const struct net_syn *syn, enum net_unreachable what, uint8_t *bytes);

#endif
