/*
 * The streams of the control port and where they end in the guest: `stdin_pipe` is a process's stdin, `output_pipe` its output;
 * streams that the guest opened end in their handlers.
 */
#ifndef GONDOLIN_STREAMS_H
#define GONDOLIN_STREAMS_H

#include "channel/frame.h"
#include "channel/mux.h"

/* Handles a frame of any type but MESSAGE. NULL, or the rule the host broke. */
const char *streams_on_frame(const struct frame *frame);

/* Takes an open, unused stream for an EXEC; NULL when there is none of that id. */
struct mux_stream *streams_claim(uint32_t id);

/* The claimed stream of that id; NULL when it has ended. */
struct mux_stream *streams_get(uint32_t id);

/*
 * Opens a stream of `kind`; `payload` follows the kind in its OPEN. NULL when it cannot be opened. `owner` goes to each
 * handler.
 */
struct mux_stream *streams_open(uint8_t kind, const uint8_t *payload, size_t length,
                                const struct stream_handlers *handlers, void *owner);

/* Queues bytes within the stream's window, in order after its OPEN. For small ones: they are copied. */
void streams_send(struct mux_stream *stream, const uint8_t *bytes, size_t count);

/* The guest took `count` bytes: off the input, or (passed) as they came. Grants credit when it is due. */
void streams_consumed(struct mux_stream *stream, size_t count);
void streams_passed(struct mux_stream *stream, size_t count);

/* Ends a stream at once: closes its ends in the guest (on_end), tells the host. */
void streams_reset(struct mux_stream *stream, uint32_t reason);

/* A new host speaks: ends every stream without a word and starts the ids anew. */
void streams_forget_all(void);

/* Says that the guest will send nothing (more) on the stream. */
void streams_send_eof(struct mux_stream *stream);

/* The owner is done with a stream that both sides have ended; the pointer is invalid afterwards. */
void streams_release(struct mux_stream *stream);

/* Ends the stream if nothing can follow on it; the pointer is invalid afterwards. */
void streams_settle(struct mux_stream *stream);

#endif
