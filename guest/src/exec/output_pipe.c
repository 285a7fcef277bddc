#include "exec/output_pipe.h"

#include <sys/ioctl.h>

#include "channel/port.h"
#include "channel/port_waiters.h"
#include "channel/streams.h"
#include "runtime/loop.h"
#include "runtime/util.h"

/* More than the kernel keeps between a terminal's two ends. */
#define TERMINAL_BUFFER_BYTES 262144

struct output_pipe {
    struct loop_source source;
    /* NULL while dropping. */
    struct mux_stream *stream;
    void *owner;
    void (*on_done)(void *owner, struct output_pipe *output_pipe);
    bool is_terminal;
    bool is_done;
    /* The process is dead, and `drain_bytes` of the pipe, at most, are still to be sent. */
    bool is_draining;
    size_t drain_bytes;
    struct port_waiter port_waiter;
};

static void wait_for_packet(struct output_pipe *output_pipe)
{
    loop_remove(&output_pipe->source);
    port_waiters_add(&output_pipe->port_waiter);
}

static void free_pipe(struct output_pipe *output_pipe)
{
    port_waiters_remove(&output_pipe->port_waiter);
    loop_remove(&output_pipe->source);
    close_quietly(output_pipe->source.fd);
    free(output_pipe);
}

/* Every byte is queued: ends the stream's direction and notifies the owner. */
static void complete(struct output_pipe *output_pipe)
{
    struct mux_stream *stream = output_pipe->stream;
    if (stream != NULL) {
        streams_send_eof(stream);
        output_pipe->stream = NULL;
        streams_release(stream);
    }
    if (!output_pipe->is_done) {
        output_pipe->is_done = true;
        output_pipe->on_done(output_pipe->owner, output_pipe);
    }
}

static void on_end_of_file(struct output_pipe *output_pipe)
{
    complete(output_pipe);
    free_pipe(output_pipe);
}

static void drop_some(struct output_pipe *output_pipe)
{
    static uint8_t scratch[65536];
    long count = RETRY_EINTR(read(output_pipe->source.fd, scratch, sizeof scratch));
    if (count == 0 || (count < 0 && errno != EAGAIN))
        on_end_of_file(output_pipe);
}

static size_t sendable_bytes(const struct output_pipe *output_pipe)
{
    size_t limit = OUTBOX_DATA_BYTES;
    if (output_pipe->stream->send_window < limit)
        limit = output_pipe->stream->send_window;
    if (output_pipe->is_draining && output_pipe->drain_bytes < limit)
        limit = output_pipe->drain_bytes;
    return limit;
}

/* Returns true if there may be more to send now. The output pipe may be gone otherwise. */
static bool send_one(struct output_pipe *output_pipe)
{
    size_t limit = sendable_bytes(output_pipe);
    if (limit == 0) {
        /* Out of the loop, not just masked: a closed pipe would report EPOLLHUP for ever. */
        loop_remove(&output_pipe->source);
        return false;
    }
    struct outbox_packet *packet = outbox_take_packet(port_outbox());
    if (packet == NULL) {
        wait_for_packet(output_pipe);
        return false;
    }
    long count = RETRY_EINTR(read(output_pipe->source.fd, packet->bytes + GONDOLIN_FRAME_HEADER_BYTES, limit));
    if (count <= 0) {
        outbox_return_packet(port_outbox(), packet);
        if (count == 0 || errno != EAGAIN)
            on_end_of_file(output_pipe);
        else if (output_pipe->is_draining)
            complete(output_pipe);
        return false;
    }
    outbox_push_data(port_outbox(), packet, output_pipe->stream->id, (size_t)count);
    output_pipe->stream->send_window -= (uint32_t)count;
    if (!output_pipe->is_draining)
        return false;
    output_pipe->drain_bytes -= (size_t)count;
    if (output_pipe->drain_bytes > 0)
        return true;
    complete(output_pipe);
    return false;
}

static void send_some(struct output_pipe *output_pipe)
{
    /* Only a read can say that a terminal is drained: epoll says nothing while another process has it open. */
    while (send_one(output_pipe) && output_pipe->is_terminal)
        ;
}

static void on_pipe_ready(struct loop_source *source, uint32_t events)
{
    struct output_pipe *output_pipe = LOOP_OWNER(source, struct output_pipe, source);
    (void)events;
    if (output_pipe->stream == NULL)
        drop_some(output_pipe);
    else
        send_some(output_pipe);
}

static void on_packet_free(struct port_waiter *waiter)
{
    output_pipe_resume(LOOP_OWNER(waiter, struct output_pipe, port_waiter));
}

static void on_credit(void *owner)
{
    output_pipe_resume(owner);
}

/* The host that read the stream is gone and the process keeps running: what it writes is dropped. */
static void on_host_gone(void *owner)
{
    struct output_pipe *output_pipe = owner;
    output_pipe->stream = NULL;
    port_waiters_remove(&output_pipe->port_waiter);
    if (output_pipe->is_draining)
        complete(output_pipe);
    output_pipe_resume(output_pipe);
}

/* The stream was reset: closes the pipe, so that whoever writes to it gets SIGPIPE or EPIPE. */
static void on_end(void *owner)
{
    struct output_pipe *output_pipe = owner;
    output_pipe->stream = NULL;
    output_pipe_close(output_pipe);
}

static const struct stream_handlers handlers = {
    .on_credit = on_credit,
    .on_host_gone = on_host_gone,
    .on_end = on_end,
};

struct output_pipe *output_pipe_create(int fd, bool is_terminal, struct mux_stream *stream, void *owner,
                                       void (*on_done)(void *owner, struct output_pipe *output_pipe))
{
    struct output_pipe *output_pipe = calloc(1, sizeof *output_pipe);
    if (output_pipe == NULL)
        return NULL;
    output_pipe->source = (struct loop_source){.fd = fd, .on_ready = on_pipe_ready};
    output_pipe->port_waiter.on_packet_free = on_packet_free;
    output_pipe->is_terminal = is_terminal;
    output_pipe->stream = stream;
    output_pipe->owner = owner;
    output_pipe->on_done = on_done;
    streams_attach(stream, &handlers, output_pipe);
    return output_pipe;
}

void output_pipe_resume(struct output_pipe *output_pipe)
{
    if (output_pipe->port_waiter.is_waiting)
        return;
    if (loop_add(&output_pipe->source, EPOLLIN) != 0)
        on_end_of_file(output_pipe);
    else if (output_pipe->is_terminal && output_pipe->is_draining && output_pipe->stream != NULL)
        send_some(output_pipe);
}

void output_pipe_finish(struct output_pipe *output_pipe)
{
    int left = 0;
    if (output_pipe->is_terminal)
        left = TERMINAL_BUFFER_BYTES;
    else if (ioctl(output_pipe->source.fd, FIONREAD, &left) != 0)
        left = 0;
    if (output_pipe->stream != NULL && left > 0) {
        output_pipe->is_draining = true;
        output_pipe->drain_bytes = (size_t)left;
        if (output_pipe->is_terminal)
            output_pipe_resume(output_pipe);
        return;
    }
    complete(output_pipe);
    output_pipe_resume(output_pipe);
}

void output_pipe_close(struct output_pipe *output_pipe)
{
    complete(output_pipe);
    free_pipe(output_pipe);
}

void output_pipe_discard(struct output_pipe *output_pipe)
{
    if (output_pipe->stream != NULL)
        streams_detach(output_pipe->stream);
    free_pipe(output_pipe);
}
