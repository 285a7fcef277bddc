/*
 * Streams of the control port: ids, credit and end of stream by the rules of docs/protocol.md, "Streams". Pure: bytes
 * that the host sent wait in the stream until their consumer takes them; nothing here reads or writes a descriptor.
 */
#ifndef GONDOLIN_MUX_H
#define GONDOLIN_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../protocol.h"

enum mux_result {
    MUX_OK = 0,
    /* The id has ended: the frame crossed with the end and is to be dropped. */
    MUX_ENDED,
    /* The stream cannot be opened: answer RESET, reason refused. */
    MUX_REFUSED,
    /* Everything below is a broken rule. */
    MUX_UNKNOWN_STREAM,
    MUX_BAD_ID,
    MUX_WINDOW_EXCEEDED,
    MUX_CREDIT_EXCEEDED,
    MUX_AFTER_EOF,
    MUX_NO_MEMORY,
};

struct mux_stream {
    uint32_t id;
    /* Bytes the guest may still send, and bytes the host may still send: 0..INITIAL_WINDOW_BYTES. */
    uint32_t send_window;
    uint32_t receive_window;
    /* Bytes consumed and not granted yet. */
    uint32_t consumed;
    bool is_host_done;
    bool is_guest_done;
    /* An EXEC uses the stream. */
    bool is_claimed;
    /* Received and not consumed: input[input_start .. input_start + input_length]. */
    uint8_t *input;
    size_t input_capacity;
    size_t input_start;
    size_t input_length;
    /* The ends in the guest, owned by stdio; NULL when there is none (any more). */
    struct inlet *inlet;
    struct outlet *outlet;
};

struct mux {
    struct mux_stream *streams[GONDOLIN_MAX_OPEN_STREAMS];
    size_t count;
    /* Highest id the host opened. */
    uint32_t last_id;
};

enum mux_result mux_open(struct mux *mux, uint32_t id, uint8_t kind);
enum mux_result mux_find(struct mux *mux, uint32_t id, struct mux_stream **stream);

/* The host sent `count` bytes: checks the window and keeps them in the stream's input. */
enum mux_result mux_receive(struct mux_stream *stream, const uint8_t *bytes, size_t count);
enum mux_result mux_receive_eof(struct mux_stream *stream);
enum mux_result mux_receive_credit(struct mux_stream *stream, uint32_t bytes);

/* Takes `count` bytes off the input. Gives the credit to grant now, in bytes; 0 is none yet. */
uint32_t mux_consume(struct mux_stream *stream, size_t count);

/* Frees the stream and ends its id, once both sides are done or when one resets it. */
void mux_end(struct mux *mux, struct mux_stream *stream);

/* mux_end() if both sides are done and no end in the guest holds the stream; true when it ended. */
bool mux_end_if_done(struct mux *mux, struct mux_stream *stream);

const char *mux_strerror(enum mux_result result);

#endif
