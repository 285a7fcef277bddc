/*
 * The UDP side of the name server: receives datagrams to port 53 of any address and sends responses from that address.
 */
#ifndef GONDOLIN_NET_UDP_H
#define GONDOLIN_NET_UDP_H

#include <stddef.h>

#include "net/packet/record.h"
#include "runtime/failure.h"
#include "runtime/loop.h"

/*
 * Opens a raw socket that only sends, from any address; it would otherwise receive a copy of all traffic. -1 with
 * errno.
 */
int net_udp_open_raw(int family, int protocol);

/* Opens a socket at the name server's address that reports the destination of each datagram. -1 with errno. */
int net_udp_open_bound(int family, uint16_t port);

/* Opens the sockets, registers them with the steering program and calls `on_datagrams` when there are some. */
bool net_udp_start(void (*on_datagrams)(struct loop_source *source, uint32_t events), struct failure *failure);

/*
 * Receives one datagram into `bytes`. Returns its length and fills client, client_port, client_scope and server of
 * `query`; 0 for a datagram that has no possible response, -1 if there is none.
 */
long net_udp_receive(const struct loop_source *source, uint8_t *bytes, size_t capacity, struct net_query *query);

/*
 * Sends a response of at most GONDOLIN_DNS_MAX_MESSAGE_BYTES to the client of the query. A response that cannot be sent
 * is lost, as any datagram may be.
 */
void net_udp_respond(const struct net_query *query, const uint8_t *message, size_t length);

#endif
