/*
 * One connection that the host carries: a program's, captured, which is a stream to the host from its SYN on and carries
 * bytes after the host's ACCEPT; or one that the host asked for (connect.h).
 */
#ifndef GONDOLIN_NET_CONN_H
#define GONDOLIN_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/packet/tuple.h"

struct connection;
struct mux_stream;

/* Events of a connection. `owner` is valid only until the connection is attached. */
struct net_conn_events {
    /* The host has accepted the connection: it must be attached. */
    void (*on_accepted)(void *owner);
    /* The connection ended before it was attached; `reason` is that of the host's RESET, 0 without one. */
    void (*on_refused)(void *owner, uint32_t reason);
    /* An attached connection has ended. */
    void (*on_closed)(void);
};

/* Asks the host about a connection to the tuple's local end; NULL if that is not possible. */
struct connection *net_conn_open(const struct net_tuple *tuple, bool is_v4, const struct net_conn_events *events,
                                 void *owner);

/* Takes over a non-blocking socket and closes it when the connection ends. */
void net_conn_attach(struct connection *connection, int fd);

/* Carries a connected, non-blocking socket on a stream that the host opened. Takes over both. */
void net_conn_carry(struct mux_stream *stream, int fd);

/* Ends a connection that is not attached: on_refused with reason 0. */
void net_conn_give_up(struct connection *connection);

#endif
