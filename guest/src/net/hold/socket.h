/* The listeners that hold SYNs, and the raw sockets by which the agent speaks for what is held. */
#ifndef GONDOLIN_NET_HOLD_SOCKET_H
#define GONDOLIN_NET_HOLD_SOCKET_H

#include "net/hold/segment.h"
#include "runtime/failure.h"

/* Opens them and names the listeners to the steering program; SYNs go to the ring from then on. */
bool net_hold_open_sockets(int ring_fd, struct failure *failure);

/* Each is lost when it cannot be sent, as a packet may be: the program's kernel sends its SYN again. */
void net_hold_send_syn(const struct net_syn *syn);
void net_hold_send_reset(const struct net_syn *syn);
void net_hold_send_unreachable(const struct net_syn *syn, enum net_unreachable what);

#endif
