/* The guest's own addresses, and how it reaches others. */
#ifndef GONDOLIN_NET_INTERFACES_H
#define GONDOLIN_NET_INTERFACES_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>

#include "net/packet/address.h"

/* Asks the kernel for every address. 0, or -1 with errno. */
int net_interfaces_ask(int netlink_fd);

/* Reads the own address of an RTM_NEWADDR or RTM_DELADDR; false if it has none. */
bool net_interfaces_read(const struct nlmsghdr *message, struct net_address *address);

/* Lists at most `capacity` own addresses. Returns their number; 0 if the kernel does not reply. */
size_t net_interfaces_list(struct net_address *addresses, size_t capacity);

/*
 * True for an address of another machine that the guest itself reaches, such as a container on a bridge: what is captured
 * is routed to the guest.
 */
bool net_interfaces_has_route(const struct net_address *address);

#endif
