/*
 * A process's output: a pipe, or the master of its terminal, whose bytes are sent as DATA while the stream has credit and the port has a free packet.
 *
 * States: sending -> (stream reset) closed; sending -> (new host) dropping; sending -> (end of file, or drained after
 * the process died) done, then dropping what descendants still write, until the pipe's end of file frees the output
 * pipe. A terminal's end of file is EIO: no process has it open.
 */
#ifndef GONDOLIN_OUTPUT_PIPE_H
#define GONDOLIN_OUTPUT_PIPE_H

#include <stdbool.h>

#include "channel/mux.h"

/*
 * Takes over `fd`, the non-blocking read end. Calls `on_done(owner, output_pipe)` once, when every byte and the EOF
 * after them are queued; from then on the owner must forget the output pipe, which frees itself. NULL if memory is out.
 */
struct output_pipe *output_pipe_create(int fd, bool is_terminal, struct mux_stream *stream, void *owner,
                                       void (*on_done)(void *owner, struct output_pipe *output_pipe));

/* Starts or continues reading, after credit came. */
void output_pipe_resume(struct output_pipe *output_pipe);

/* The process has died: done once the bytes that are in the pipe now are queued. */
void output_pipe_finish(struct output_pipe *output_pipe);

/* Closes the read end at once, as at a reset of its stream, whose EOF is sent. */
void output_pipe_close(struct output_pipe *output_pipe);

/* Frees an output pipe whose process never ran, without on_done. */
void output_pipe_discard(struct output_pipe *output_pipe);

#endif
