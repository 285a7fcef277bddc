/*
 * The streams of the control port: passes each frame to the handlers of its stream's owner in the guest (a pipe of a
 * command, a captured connection, the name queries), and sends the owner's frames.
 */
#ifndef GONDOLIN_STREAMS_H
#define GONDOLIN_STREAMS_H

#include "channel/frame.h"
#include "channel/mux.h"

/* Handles a frame of any type but MESSAGE. NULL, or the rule that the host broke. */
const char *streams_on_frame(const struct frame *frame);

/* Sets who serves the CONNECT streams of the host: attaches itself to the stream at once, or resets it. */
void streams_on_connect(void (*on_connect)(struct mux_stream *stream, const uint8_t *destination));

/* Sends ACCEPT, in order before the stream's data. */
void streams_accept(const struct mux_stream *stream);

/* Takes an open, unused stream for an EXEC; NULL if there is none of that id. */
struct mux_stream *streams_claim(uint32_t id);

/* Returns the claimed stream of that id; NULL if it has ended. */
struct mux_stream *streams_get(uint32_t id);

/*
 * Opens a stream of `kind`; `payload` follows the kind in its OPEN. NULL if it cannot be opened. `owner` is passed to
 * each handler.
 */
struct mux_stream *streams_open(uint8_t kind, const uint8_t *payload, size_t length,
                                const struct stream_handlers *handlers, void *owner);

/* Queues bytes within the stream's window, in order after its OPEN. For small amounts: they are copied. */
void streams_send(struct mux_stream *stream, const uint8_t *bytes, size_t count);

/* The guest took `count` bytes: off the input, or (passed) as they arrived. Grants credit when it is due. */
void streams_consumed(struct mux_stream *stream, size_t count);
void streams_passed(struct mux_stream *stream, size_t count);

/* Ends a stream at once: calls on_end and sends RESET to the host. */
void streams_reset(struct mux_stream *stream, uint32_t reason);

/* A new host has connected: ends every stream without sending anything and restarts the ids. */
void streams_forget_all(void);

/* Sends EOF: nothing follows from the guest on the stream. */
void streams_send_eof(struct mux_stream *stream);

/* Makes `owner` the guest's end of a claimed stream. streams_detach() removes it without ending the stream. */
void streams_attach(struct mux_stream *stream, const struct stream_handlers *handlers, void *owner);
void streams_detach(struct mux_stream *stream);

/* Detaches the owner and ends the stream once both sides have sent EOF; the pointer is invalid afterwards. */
void streams_release(struct mux_stream *stream);

#endif
