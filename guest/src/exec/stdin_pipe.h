/* A process's stdin: bytes the host sent on a stream go into a pipe as fast as the process takes them. */
#ifndef GONDOLIN_STDIN_PIPE_H
#define GONDOLIN_STDIN_PIPE_H

#include "channel/mux.h"

/* Takes over `fd`, the non-blocking write end. Frees itself at the end. NULL when memory is out. */
struct stdin_pipe *stdin_pipe_create(int fd, struct mux_stream *stream);

/* Moves what waits in the stream. The stdin_pipe and its stream may be gone afterwards. */
void stdin_pipe_feed(struct stdin_pipe *stdin_pipe);

/* Closes the pipe and frees the stdin_pipe; the stream stays. */
void stdin_pipe_close(struct stdin_pipe *stdin_pipe);

#endif
