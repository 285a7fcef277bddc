/*
 * One captured connection of a guest program: a stream to the host from its SYN on, which carries bytes after ACCEPT.
 */
#ifndef GONDOLIN_NET_CONN_H
#define GONDOLIN_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/packet/tuple.h"

struct connection;

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

/* Ends a connection that is not attached: on_refused with reason 0. */
void net_conn_give_up(struct connection *connection);

#endif
