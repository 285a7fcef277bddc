/*
 * A process's output: a pipe whose bytes leave as DATA while the stream has credit and the port has room.
 *
 * States: sending → (stream reset by the host) closed; sending → (new host) dropping; sending → (end of file, or
 * drained after the process died) done, then dropping what descendants still write, until the pipe's end of file frees
 * the outlet.
 */
#ifndef GONDOLIN_OUTLET_H
#define GONDOLIN_OUTLET_H

#include "mux.h"

/*
 * Takes over `fd`, the non-blocking read end. `on_done(owner, outlet)` is called once, when every byte is queued and the
 * EOF behind it; after that the owner must forget the outlet, which frees itself. NULL when memory is out.
 */
struct outlet *outlet_create(int fd, struct mux_stream *stream, void *owner,
                             void (*on_done)(void *owner, struct outlet *outlet));

/* Starts or goes on reading, after credit came. */
void outlet_resume(struct outlet *outlet);

/* The process has died: done once the bytes that are in the pipe now are queued. */
void outlet_finish(struct outlet *outlet);

/* The host that read the stream is gone, the process goes on: what it writes is dropped. */
void outlet_detach(struct outlet *outlet);

/* The host has reset the stream: closes the pipe, so that who writes to it gets SIGPIPE or EPIPE, and frees the outlet. */
void outlet_close(struct outlet *outlet);

/* Frees an outlet before its process ran; no on_done. */
void outlet_discard(struct outlet *outlet);

#endif
