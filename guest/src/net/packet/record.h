/* Records of the DNS stream (docs/protocol.md, "Guest streams"), and the queries that wait for their response. Pure. */
#ifndef GONDOLIN_NET_RECORD_H
#define GONDOLIN_NET_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/packet/address.h"
#include "protocol.h"

#define NET_RECORD_MAX_BYTES (GONDOLIN_DNS_HEADER_BYTES + GONDOLIN_DNS_MAX_MESSAGE_BYTES)

/* Reads one record at a time, from bytes that arrive in any pieces. */
struct net_record_reader {
    uint8_t bytes[NET_RECORD_MAX_BYTES];
    size_t length;
};

struct net_record {
    uint32_t tag;
    /* Points into the reader; valid until the next call. */
    const uint8_t *message;
    size_t length;
};

enum net_record_result { NET_RECORD_WHOLE, NET_RECORD_INCOMPLETE, NET_RECORD_BAD };

/* Takes bytes from the front of `*bytes` (advances both) until a record is complete. */
enum net_record_result net_record_read(struct net_record_reader *reader, const uint8_t **bytes, size_t *count,
                                       struct net_record *record);

/* Writes header and message, NET_RECORD_MAX_BYTES at most; returns the length, or 0 for a message out of bounds. */
size_t net_record_write(uint8_t *bytes, uint32_t tag, const uint8_t *message, size_t length);

/* Room for a name and its type and class; a longer question gets no refusal of its own. */
#define NET_QUESTION_MAX_BYTES 288

/* A query: its client, its question and the server that it was sent to. */
struct net_query {
    uint32_t tag;
    bool is_waiting;
    /* Ports in host order. */
    struct net_address client;
    uint16_t client_port;
    uint32_t client_scope;
    struct net_address server;
    uint16_t question_length;
    uint8_t question[NET_QUESTION_MAX_BYTES];
};

/* The latest queries that wait; an older one is forgotten, and its client asks again. */
#define NET_QUERIES 256

struct net_queries {
    struct net_query slots[NET_QUERIES];
    uint32_t last_tag;
};

/* Adds a query with its own tag and the question of `message`. */
struct net_query *net_query_add(struct net_queries *queries, const uint8_t *message, size_t length);

/* Removes and returns the waiting query of that tag; NULL if there is none. */
struct net_query *net_query_take(struct net_queries *queries, uint32_t tag);

/* Turns the query's question into "server failure"; returns its length in bytes, or 0 if it has no question. */
size_t net_query_refuse(struct net_query *query);

#endif
