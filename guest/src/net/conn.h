/* One captured connection of a guest program: from its SYN a stream to the host, from the host's ACCEPT on bytes too. */
#ifndef GONDOLIN_NET_CONN_H
#define GONDOLIN_NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/packet/tuple.h"

struct connection;

/* What becomes of a connection. `owner` only until it is attached. */
struct net_conn_events {
    /* The host has accepted it: it is to be attached. */
    void (*on_accepted)(void *owner);
    /* It is over before it was attached; `reason` of the host's RESET, 0 without one. */
    void (*on_refused)(void *owner, uint32_t reason);
    /* An attached one has ended. */
    void (*on_closed)(void);
};

/* Asks the host about a connection to the tuple's local end; NULL when that cannot be. */
struct connection *net_conn_open(const struct net_tuple *tuple, bool is_v4, const struct net_conn_events *events,
                                 void *owner);

/* Takes over a non-blocking socket, and with it the fate of the connection. */
void net_conn_attach(struct connection *connection, int fd);

/* Ends one that is not attached: on_refused, reason 0. */
void net_conn_give_up(struct connection *connection);

#endif
