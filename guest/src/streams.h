/* The streams of the control port and the pipes they end in: `inlet` is a process's stdin, `outlet` its output. */
#ifndef GONDOLIN_STREAMS_H
#define GONDOLIN_STREAMS_H

#include "frame.h"
#include "mux.h"

/* Handles a frame of any type but MESSAGE. NULL, or the rule the host broke. */
const char *streams_on_frame(const struct frame *frame);

/* Takes an open, unused stream for an EXEC; NULL when there is none of that id. */
struct mux_stream *streams_claim(uint32_t id);

/* The claimed stream of that id; NULL when it has ended. */
struct mux_stream *streams_get(uint32_t id);

/* Ends a claimed stream at once: closes its pipes, tells the host. */
void streams_reset(struct mux_stream *stream, uint32_t reason);

/* A new host speaks: ends every stream without a word and starts the ids anew. */
void streams_forget_all(void);

/* Says that the guest will send nothing (more) on the stream. */
void streams_send_eof(struct mux_stream *stream);

/* Ends the stream if nothing can follow on it; the pointer is invalid afterwards. */
void streams_settle(struct mux_stream *stream);

#endif
