/*
 * Streams of the control port: the protocol in short, then the code. docs/protocol.md, "Streams", has the numbers.
 *
 * One virtio port carries every byte stream between host and guest: a command's stdin, stdout and stderr, a captured
 * TCP connection, the name queries. Each frame names its stream by an id.
 *
 * Establishing a stream. OPEN creates a stream and gives its kind. The host uses even ids from 2, the guest odd ids
 * from 1, each strictly rising: both sides can open streams at the same time, and no id is used twice. The host opens
 * the streams of a command and then sends an EXEC that claims them by id. Nothing acknowledges an OPEN, so data may
 * follow at once. The exceptions are a TCP stream, whose ACCEPT says that the host has connected to the server, and a
 * CONNECT stream, whose ACCEPT says that the guest has. The
 * receiver of an OPEN that it cannot serve (an unknown kind, too many streams) sends RESET with the reason "refused".
 *
 * Credit. Each direction of a stream has a window, which both sides compute for themselves:
 *
 *     window = INITIAL_WINDOW_BYTES - bytes of DATA so far + bytes of CREDIT so far
 *
 * A sender may never send more DATA than its window, and a receiver may never send CREDIT that lifts the window above
 * INITIAL_WINDOW_BYTES. A stream therefore has at most one window of bytes that were sent and not yet consumed, which
 * bounds the buffer that the receiver needs, and a slow consumer blocks its own stream and no other. The receiver sends
 * CREDIT once the consumer has taken half a window (one small frame for 128 KiB), and none after the sender's EOF.
 *
 * End. EOF says that its sender sends nothing more on the stream; the other direction continues. A side with nothing to
 * send sends EOF too. A stream ends when both sides have sent EOF and the guest has consumed what it received.
 *
 * Reset. RESET ends both directions at once and drops what the stream has received; its payload is the reason. Frames
 * of the other side may cross with it, so frames for an id that has ended are dropped (MUX_ENDED).
 *
 * Broken rules. No correct host sends DATA or EOF after EOF, DATA beyond the window, CREDIT beyond the initial window,
 * an OPEN whose id is odd or does not rise, or a frame for an id that was never opened. The state of both sides then no
 * longer agrees: the agent logs the rule and powers the guest off. The host ends a guest that breaks a rule with
 * GUEST_PROTOCOL.
 *
 * Pure: bytes from the host wait in the stream until their consumer takes them; nothing here reads or writes a
 * descriptor. streams.h connects streams to the port and to their ends in the guest.
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
    /* The stream cannot be opened: send RESET, reason refused. */
    MUX_REFUSED,
    /* Each of the following is a broken rule. */
    MUX_UNKNOWN_STREAM,
    MUX_BAD_ID,
    MUX_WINDOW_EXCEEDED,
    MUX_CREDIT_EXCEEDED,
    MUX_AFTER_EOF,
    MUX_NO_MEMORY,
};

/*
 * The end of a stream in the guest: a pipe of a command, or the code that opened the stream. A handler may end the
 * stream (streams_reset(), streams_release()): its caller must not use the stream afterwards. All but on_end may be
 * NULL.
 */
struct stream_handlers {
    /* The host accepts what the stream was opened for. */
    void (*on_accept)(void *owner);
    /* The host sent bytes within its window. Those not taken at once must be kept with mux_keep(). */
    void (*on_data)(void *owner, const uint8_t *bytes, size_t count);
    /* Without on_data: the host sent bytes, which are in the stream's input now. */
    void (*on_kept)(void *owner);
    /* The host sends no more. */
    void (*on_eof)(void *owner);
    /* The guest may send more. */
    void (*on_credit)(void *owner);
    /* A new host has connected and knows nothing of the stream; the owner must forget it. NULL: on_end is called. */
    void (*on_host_gone)(void *owner);
    /* Either side has reset the stream. The owner must forget it. */
    void (*on_end)(void *owner);
};

struct mux_stream {
    uint32_t id;
    /* GONDOLIN_STREAM_KIND_… of a stream that the host opened. */
    uint8_t kind;
    /* Bytes the guest may still send, and bytes the host may still send: 0..INITIAL_WINDOW_BYTES. */
    uint32_t send_window;
    uint32_t receive_window;
    /* Bytes consumed since the last CREDIT. */
    uint32_t consumed;
    /* The reason in the host's RESET; 0 before it, and if the stream ended otherwise. */
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
    /* The stream's end in the guest; NULL before it has one, and once that end is finished. */
    const struct stream_handlers *handlers;
    void *owner;
    struct mux_stream *next_in_bucket;
};

#define MUX_BUCKETS 1024

struct mux {
    /* By id modulo MUX_BUCKETS. */
    struct mux_stream *buckets[MUX_BUCKETS];
    /* Open streams, counted by the side that opened them. */
    size_t host_count;
    size_t guest_count;
    /* The highest id that each side has opened; 0 before the first. */
    uint32_t last_host_id;
    uint32_t last_guest_id;
};

/* The host opens a stream. `length` is the length of the OPEN's payload. */
enum mux_result mux_open(struct mux *mux, uint32_t id, uint8_t kind, size_t length);

/* The guest opens a stream; NULL at the limit, without memory, or when the ids are used up. */
struct mux_stream *mux_open_own(struct mux *mux, const struct stream_handlers *handlers, void *owner);

enum mux_result mux_find(const struct mux *mux, uint32_t id, struct mux_stream **stream);

/* Any stream that is open, or NULL. */
struct mux_stream *mux_any(const struct mux *mux);

/* Checks `count` bytes from the host against the window and takes them off it. */
enum mux_result mux_admit(struct mux_stream *stream, size_t count);

/* Keeps admitted bytes in the stream's input; false when memory is out. */
bool mux_keep(struct mux_stream *stream, const uint8_t *bytes, size_t count);

/* mux_admit() and mux_keep(). */
enum mux_result mux_receive(struct mux_stream *stream, const uint8_t *bytes, size_t count);
enum mux_result mux_receive_eof(struct mux_stream *stream);
enum mux_result mux_receive_credit(struct mux_stream *stream, uint32_t bytes);

/* The consumer took admitted bytes that were not kept. Returns the credit to grant now, in bytes; 0 if not yet. */
uint32_t mux_pass(struct mux_stream *stream, size_t count);

/* Takes `count` bytes off the input. Returns the credit to grant now, in bytes; 0 if not yet. */
uint32_t mux_consume(struct mux_stream *stream, size_t count);

/* Frees the stream and ends its id, once both sides are done or one has reset it. */
void mux_end(struct mux *mux, struct mux_stream *stream);

/* Calls mux_end() if both sides are done and the stream has no end in the guest any more; true if it ended. */
bool mux_end_if_done(struct mux *mux, struct mux_stream *stream);

const char *mux_strerror(enum mux_result result);

#endif
