/*
 * The queue of what is to be written to the control port. Pure, no I/O.
 *
 * Two queues: `urgent` (replies, credit, resets) overtakes `bulk` (stream data and frames that must stay in order with
 * it), between frames only. Data frames come from a fixed pool, so an empty pool is the back-pressure that stops the
 * pipes. Consecutive small frames leave in one write.
 */
#ifndef GONDOLIN_OUTBOX_H
#define GONDOLIN_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/frame.h"

#define OUTBOX_POOL_PACKETS 8
/* The port's driver cuts a write at this many bytes. */
#define OUTBOX_STAGE_BYTES 32768
/* A data frame of this many payload bytes leaves in exactly two writes. */
#define OUTBOX_DATA_BYTES (65536 - GONDOLIN_FRAME_HEADER_BYTES)

enum outbox_queue { OUTBOX_URGENT, OUTBOX_BULK };

struct outbox_packet {
    struct outbox_packet *next;
    bool is_pooled;
    /* Whole frame, header included, in bytes. */
    size_t length;
    uint8_t *bytes;
};

struct outbox_list {
    struct outbox_packet *head;
    struct outbox_packet **tail;
};

struct outbox {
    struct outbox_list lists[2];
    struct outbox_packet *pool;
    size_t urgent_bytes;
    /* Bytes of bulk frames outside the pool. */
    size_t bulk_bytes;
    /* The packet that is being written by itself, or NULL. */
    struct outbox_packet *current;
    size_t current_sent;
    uint8_t stage[OUTBOX_STAGE_BYTES];
    size_t stage_length;
    size_t stage_sent;
    /* Nothing leaves except the stage, `current` and `last`. */
    bool is_held;
    struct outbox_packet *last;
};

/* false when memory is out. */
bool outbox_init(struct outbox *outbox);

/* Queues one frame with a copy of `payload`; false if memory is out. */
bool outbox_push(struct outbox *outbox, enum outbox_queue queue, uint8_t type, uint32_t stream, const uint8_t *payload,
                 size_t length);

/* Returns a packet whose `bytes` have room for a header and OUTBOX_DATA_BYTES, or NULL while all are in use. */
struct outbox_packet *outbox_take_packet(struct outbox *outbox);
void outbox_return_packet(struct outbox *outbox, struct outbox_packet *packet);

/* Queues a taken packet as a DATA frame of `length` payload bytes, 1..OUTBOX_DATA_BYTES. */
void outbox_push_data(struct outbox *outbox, struct outbox_packet *packet, uint32_t stream, size_t length);

/* Returns the number of bytes to write now; 0 if nothing is queued. They stay valid until outbox_sent(). */
size_t outbox_next(struct outbox *outbox, const uint8_t **bytes);

/* Notes that `count` of those bytes were written. */
void outbox_sent(struct outbox *outbox, size_t count);

/* Queues one last frame ahead of all others and holds those back; false if memory is out. */
bool outbox_hold(struct outbox *outbox, uint8_t type, uint32_t stream, const uint8_t *payload, size_t length);
void outbox_resume(struct outbox *outbox);

/* Drops every frame whose first byte has not been written. */
void outbox_clear(struct outbox *outbox);

bool outbox_is_empty(const struct outbox *outbox);

#endif
