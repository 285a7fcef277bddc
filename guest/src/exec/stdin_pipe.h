/* A process's stdin: writes the bytes that the host sends on a stream to a pipe as fast as the process reads them. */
#ifndef GONDOLIN_STDIN_PIPE_H
#define GONDOLIN_STDIN_PIPE_H

#include <stdbool.h>

#include "channel/mux.h"

/*
 * Takes over `fd`, the non-blocking write end, and becomes the stream's end in the guest until the host's EOF or a
 * reset. False when memory is out.
 */
bool stdin_pipe_create(int fd, struct mux_stream *stream);

/* Writes what the stream has received to its stdin pipe, if it has one. The stream may be gone afterwards. */
void stdin_pipe_feed(struct mux_stream *stream);

#endif
