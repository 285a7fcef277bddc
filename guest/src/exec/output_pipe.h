/*
 * A process's output: a pipe whose bytes leave as DATA while the stream has credit and the port has room.
 *
 * States: sending → (stream reset by the host) closed; sending → (new host) dropping; sending → (end of file, or
 * drained after the process died) done, then dropping what descendants still write, until the pipe's end of file frees
 * the output_pipe.
 */
#ifndef GONDOLIN_OUTPUT_PIPE_H
#define GONDOLIN_OUTPUT_PIPE_H

#include "channel/mux.h"

/*
 * Takes over `fd`, the non-blocking read end. `on_done(owner, output_pipe)` is called once, when every byte is queued and the
 * EOF behind it; after that the owner must forget the output_pipe, which frees itself. NULL when memory is out.
 */
struct output_pipe *output_pipe_create(int fd, struct mux_stream *stream, void *owner,
                             void (*on_done)(void *owner, struct output_pipe *output_pipe));

/* Starts or goes on reading, after credit came. */
void output_pipe_resume(struct output_pipe *output_pipe);

/* The process has died: done once the bytes that are in the pipe now are queued. */
void output_pipe_finish(struct output_pipe *output_pipe);

/* The host that read the stream is gone, the process goes on: what it writes is dropped. */
void output_pipe_detach(struct output_pipe *output_pipe);

/* The host has reset the stream: closes the pipe, so that who writes to it gets SIGPIPE or EPIPE, and frees the output_pipe. */
void output_pipe_close(struct output_pipe *output_pipe);

/* Frees an output_pipe before its process ran; no on_done. */
void output_pipe_discard(struct output_pipe *output_pipe);

#endif
