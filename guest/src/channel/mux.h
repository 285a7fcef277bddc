/*
 * Streams of the control port: ids, credit and end of stream by the rules of docs/protocol.md, "Streams". Pure: bytes
 * that the host sent wait in the stream until their consumer takes them; nothing here reads or writes a descriptor.
 */
#ifndef GONDOLIN_MUX_H
#define GONDOLIN_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

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

/*
 * What happens on a stream that the guest opened. Each may end the stream (streams_reset(), streams_release()): whoever
 * calls one must not use the stream afterwards.
 */
struct stream_handlers {
    /* The host accepts what the stream stands for. NULL where there is nothing to accept. */
    void (*on_accept)(void *owner);
    /* The host sent bytes within its window. Those not taken at once must be kept with mux_keep(). */
    void (*on_data)(void *owner, const uint8_t *bytes, size_t count);
    /* The host sends no more. */
    void (*on_eof)(void *owner);
    /* The guest may send more. */
    void (*on_credit)(void *owner);
    /* The stream is over, by whichever side's reset: the owner must forget it. */
    void (*on_end)(void *owner);
};

struct mux_stream {
    uint32_t id;
    /* Bytes the guest may still send, and bytes the host may still send: 0..INITIAL_WINDOW_BYTES. */
    uint32_t send_window;
    uint32_t receive_window;
    /* Bytes consumed and not granted yet. */
    uint32_t consumed;
    /* Of the host's RESET; 0 before, and where the stream ended without one. */
    uint32_t reset_reason;
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
    struct stdin_pipe *stdin_pipe;
    struct output_pipe *output_pipe;
    /* Of a stream that the guest opened; NULL when nobody cares (any more). */
    const struct stream_handlers *handlers;
    void *owner;
    struct mux_stream *next_in_bucket;
};

#define MUX_BUCKETS 1024

struct mux {
    /* By id modulo MUX_BUCKETS. */
    struct mux_stream *buckets[MUX_BUCKETS];
    /* Open now, by the side that opened them. */
    size_t host_count;
    size_t guest_count;
    /* Highest ids that were opened; 0 is none. */
    uint32_t last_host_id;
    uint32_t last_guest_id;
};

/* The host opens a stream. `length` is that of the OPEN's payload. */
enum mux_result mux_open(struct mux *mux, uint32_t id, uint8_t kind, size_t length);

/* The guest opens a stream; NULL at the limit, without memory, or when the ids are used up. */
struct mux_stream *mux_open_own(struct mux *mux, const struct stream_handlers *handlers, void *owner);

enum mux_result mux_find(const struct mux *mux, uint32_t id, struct mux_stream **stream);

/* Any stream that is open, or NULL. */
struct mux_stream *mux_any(const struct mux *mux);

/* The host sent `count` bytes: checks them against the window and takes them off it. */
enum mux_result mux_admit(struct mux_stream *stream, size_t count);

/* Keeps admitted bytes in the stream's input; false when memory is out. */
bool mux_keep(struct mux_stream *stream, const uint8_t *bytes, size_t count);

/* mux_admit() and mux_keep(). */
enum mux_result mux_receive(struct mux_stream *stream, const uint8_t *bytes, size_t count);
enum mux_result mux_receive_eof(struct mux_stream *stream);
enum mux_result mux_receive_credit(struct mux_stream *stream, uint32_t bytes);

/* Admitted bytes went on without being kept. Gives the credit to grant now, in bytes; 0 is none yet. */
uint32_t mux_pass(struct mux_stream *stream, size_t count);

/* Takes `count` bytes off the input. Gives the credit to grant now, in bytes; 0 is none yet. */
uint32_t mux_consume(struct mux_stream *stream, size_t count);

/* Frees the stream and ends its id, once both sides are done or when one resets it. */
void mux_end(struct mux *mux, struct mux_stream *stream);

/* mux_end() if both sides are done and no end in the guest holds the stream; true when it ended. */
bool mux_end_if_done(struct mux *mux, struct mux_stream *stream);

const char *mux_strerror(enum mux_result result);

#endif
