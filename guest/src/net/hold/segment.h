/*
 * The packets by which the agent speaks for a held connection: the program's own SYN once more, and what a network says to a
 * SYN that leads nowhere. Without their network header, which the kernel writes. Pure.
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

/* Both ends of the SYN's connection. False for a header that is none. */
bool net_segment_tuple(const struct net_syn *syn, struct net_tuple *tuple);

/* All give the length in bytes of what they wrote. IPv6's checksums are the kernel's to put in. */
size_t net_segment_syn(const struct net_syn *syn, uint8_t *bytes);

/* From the destination: the connection is refused. */
size_t net_segment_reset(const struct net_syn *syn, uint8_t *bytes);

/* ICMP or ICMPv6: there is no way to the destination. */
size_t net_segment_unreachable(const struct net_syn *syn, enum net_unreachable what, uint8_t *bytes);

#endif
