/* The listeners that hold SYNs, and the raw sockets from which the agent sends packets for held connections. */
#ifndef GONDOLIN_NET_HOLD_SOCKET_H
#define GONDOLIN_NET_HOLD_SOCKET_H

#include "net/hold/segment.h"
#include "runtime/failure.h"

/* Opens them and registers the listeners with the steering program; from then on SYNs go to the ring. */
bool net_hold_open_sockets(int ring_fd, struct failure *failure);

/* A packet that cannot be sent is lost, as on any network: the program's kernel retransmits its SYN. */
void net_hold_send_syn(const struct net_syn *syn);
void net_hold_send_reset(const struct net_syn *syn);
void net_hold_send_unreachable(const struct net_syn *syn, enum net_unreachable what);

#endif
