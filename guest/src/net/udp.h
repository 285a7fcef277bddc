/* The UDP side of the name server: datagrams to port 53 of any address come here, answers leave from that address. */
#ifndef GONDOLIN_NET_UDP_H
#define GONDOLIN_NET_UDP_H

#include <stddef.h>

#include "net/packet/record.h"
#include "runtime/failure.h"
#include "runtime/loop.h"

/* Raw socket that only sends, from any address; it would else get a copy of all traffic. -1 with errno. */
int net_udp_open_raw(int family, int protocol);

/* Socket at the name server's address that is told where a datagram was sent to. -1 with errno. */
int net_udp_open_bound(int family, uint16_t port);

/* Opens the sockets, names them to the steering program and calls `on_datagrams` when there are some. */
bool net_udp_start(void (*on_datagrams)(struct loop_source *source, uint32_t events), struct failure *failure);

/*
 * Receives one datagram into `bytes`. Gives its length and fills client, client_port, client_scope and server of `query`;
 * 0 for one that cannot be answered, -1 when there is none.
 */
long net_udp_receive(const struct loop_source *source, uint8_t *bytes, size_t capacity, struct net_query *query);

/* Sends an answer of at most GONDOLIN_DNS_MAX_MESSAGE_BYTES to who asked. One that cannot be sent is lost, as UDP is. */
void net_udp_answer(const struct net_query *query, const uint8_t *message, size_t length);

#endif
