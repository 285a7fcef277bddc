#include "inlet.h"

#include "loop.h"
#include "streams.h"
#include "util.h"

struct inlet {
    struct loop_source source;
    struct mux_stream *stream;
};

void inlet_close(struct inlet *inlet)
{
    loop_remove(&inlet->source);
    close_quietly(inlet->source.fd);
    inlet->stream->inlet = NULL;
    free(inlet);
}

void inlet_feed(struct inlet *inlet)
{
    struct mux_stream *stream = inlet->stream;
    while (stream->input_length > 0) {
        long written = RETRY_EINTR(write(inlet->source.fd, stream->input + stream->input_start, stream->input_length));
        if (written < 0 && errno == EAGAIN && loop_add(&inlet->source, EPOLLOUT) == 0)
            return;
        if (written < 0) {
            streams_reset(stream, GONDOLIN_RESET_PEER_CLOSED);
            return;
        }
        streams_consumed(stream, (size_t)written);
    }
    if (stream->is_host_done) {
        inlet_close(inlet);
        streams_settle(stream);
        return;
    }
    /* Nothing to write: EPOLLERR, which is always reported, tells when the process closes its end. */
    if (loop_add(&inlet->source, 0) != 0)
        streams_reset(stream, GONDOLIN_RESET_CANCELLED);
}

static void on_inlet_ready(struct loop_source *source, uint32_t events)
{
    struct inlet *inlet = LOOP_OWNER(source, struct inlet, source);
    if ((events & EPOLLERR) != 0)
        streams_reset(inlet->stream, GONDOLIN_RESET_PEER_CLOSED);
    else
        inlet_feed(inlet);
}

struct inlet *inlet_create(int fd, struct mux_stream *stream)
{
    struct inlet *inlet = calloc(1, sizeof *inlet);
    if (inlet == NULL)
        return NULL;
    inlet->source = (struct loop_source){.fd = fd, .on_ready = on_inlet_ready};
    inlet->stream = stream;
    stream->inlet = inlet;
    return inlet;
}
