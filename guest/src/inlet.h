/* A process's stdin: bytes the host sent on a stream go into a pipe as fast as the process takes them. */
#ifndef GONDOLIN_INLET_H
#define GONDOLIN_INLET_H

#include "mux.h"

/* Takes over `fd`, the non-blocking write end. Frees itself at the end. NULL when memory is out. */
struct inlet *inlet_create(int fd, struct mux_stream *stream);

/* Moves what waits in the stream. The inlet and its stream may be gone afterwards. */
void inlet_feed(struct inlet *inlet);

/* Closes the pipe and frees the inlet; the stream stays. */
void inlet_close(struct inlet *inlet);

#endif
