#include "exec/stdin_pipe.h"

#include "channel/streams.h"
#include "runtime/loop.h"
#include "runtime/util.h"

struct stdin_pipe {
    struct loop_source source;
    struct mux_stream *stream;
};

static void close_pipe(void *owner)
{
    struct stdin_pipe *stdin_pipe = owner;
    loop_remove(&stdin_pipe->source);
    close_quietly(stdin_pipe->source.fd);
    free(stdin_pipe);
}

/* The pipe and its stream may be gone afterwards. */
static void feed(void *owner)
{
    struct stdin_pipe *stdin_pipe = owner;
    struct mux_stream *stream = stdin_pipe->stream;
    while (stream->input_length > 0) {
        long written =
            RETRY_EINTR(write(stdin_pipe->source.fd, stream->input + stream->input_start, stream->input_length));
        if (written < 0 && errno == EAGAIN && loop_add(&stdin_pipe->source, EPOLLOUT) == 0)
            return;
        if (written < 0) {
            streams_reset(stream, GONDOLIN_RESET_PEER_CLOSED);
            return;
        }
        streams_consumed(stream, (size_t)written);
    }
    if (stream->is_host_done) {
        close_pipe(stdin_pipe);
        streams_release(stream);
        return;
    }
    /* Nothing to write: EPOLLERR, which epoll always reports, says when the process closes its end. */
    if (loop_add(&stdin_pipe->source, 0) != 0)
        streams_reset(stream, GONDOLIN_RESET_CANCELLED);
}

static void on_pipe_ready(struct loop_source *source, uint32_t events)
{
    struct stdin_pipe *stdin_pipe = LOOP_OWNER(source, struct stdin_pipe, source);
    if ((events & EPOLLERR) != 0)
        streams_reset(stdin_pipe->stream, GONDOLIN_RESET_PEER_CLOSED);
    else
        feed(stdin_pipe);
}

static const struct stream_handlers handlers = {
    .on_kept = feed,
    .on_eof = feed,
    .on_end = close_pipe,
};

bool stdin_pipe_create(int fd, struct mux_stream *stream)
{
    struct stdin_pipe *stdin_pipe = calloc(1, sizeof *stdin_pipe);
    if (stdin_pipe == NULL)
        return false;
    stdin_pipe->source = (struct loop_source){.fd = fd, .on_ready = on_pipe_ready};
    stdin_pipe->stream = stream;
    streams_attach(stream, &handlers, stdin_pipe);
    return true;
}

void stdin_pipe_feed(struct mux_stream *stream)
{
    if (stream->handlers == &handlers)
        feed(stream->owner);
}
