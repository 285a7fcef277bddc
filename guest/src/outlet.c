#include "outlet.h"

#include <sys/ioctl.h>

#include "loop.h"
#include "port.h"
#include "room.h"
#include "streams.h"
#include "util.h"

struct outlet {
    struct loop_source source;
    /* NULL: dropping. */
    struct mux_stream *stream;
    void *owner;
    void (*on_done)(void *owner, struct outlet *outlet);
    bool is_done;
    /* The process is dead and `drain_bytes` of the pipe are still to be sent. */
    bool is_draining;
    size_t drain_bytes;
    struct room_waiter room;
};

static void wait_for_room(struct outlet *outlet)
{
    loop_remove(&outlet->source);
    room_wait(&outlet->room);
}

static void free_outlet(struct outlet *outlet)
{
    room_leave(&outlet->room);
    loop_remove(&outlet->source);
    close_quietly(outlet->source.fd);
    free(outlet);
}

/* Every byte is queued: ends the stream's direction, tells the owner. */
static void complete(struct outlet *outlet)
{
    struct mux_stream *stream = outlet->stream;
    if (stream != NULL) {
        streams_send_eof(stream);
        stream->outlet = NULL;
        outlet->stream = NULL;
        streams_settle(stream);
    }
    if (!outlet->is_done) {
        outlet->is_done = true;
        outlet->on_done(outlet->owner, outlet);
    }
}

static void on_end_of_file(struct outlet *outlet)
{
    complete(outlet);
    free_outlet(outlet);
}

static void drop_some(struct outlet *outlet)
{
    static uint8_t scratch[65536];
    long count = RETRY_EINTR(read(outlet->source.fd, scratch, sizeof scratch));
    if (count == 0 || (count < 0 && errno != EAGAIN))
        on_end_of_file(outlet);
}

static size_t sendable_bytes(const struct outlet *outlet)
{
    size_t limit = OUTBOX_DATA_BYTES;
    if (outlet->stream->send_window < limit)
        limit = outlet->stream->send_window;
    if (outlet->is_draining && outlet->drain_bytes < limit)
        limit = outlet->drain_bytes;
    return limit;
}

static void send_some(struct outlet *outlet)
{
    size_t limit = sendable_bytes(outlet);
    if (limit == 0) {
        /* Off the loop, not just masked: a closed pipe would report EPOLLHUP for ever. */
        loop_remove(&outlet->source);
        return;
    }
    struct outbox_packet *packet = outbox_take_packet(port_outbox());
    if (packet == NULL) {
        wait_for_room(outlet);
        return;
    }
    long count = RETRY_EINTR(read(outlet->source.fd, packet->bytes + GONDOLIN_FRAME_HEADER_BYTES, limit));
    if (count <= 0) {
        outbox_return_packet(port_outbox(), packet);
        if (count == 0 || errno != EAGAIN)
            on_end_of_file(outlet);
        return;
    }
    outbox_push_data(port_outbox(), packet, outlet->stream->id, (size_t)count);
    outlet->stream->send_window -= (uint32_t)count;
    if (!outlet->is_draining)
        return;
    outlet->drain_bytes -= (size_t)count;
    if (outlet->drain_bytes == 0)
        complete(outlet);
}

static void on_outlet_ready(struct loop_source *source, uint32_t events)
{
    struct outlet *outlet = LOOP_OWNER(source, struct outlet, source);
    (void)events;
    if (outlet->stream == NULL)
        drop_some(outlet);
    else
        send_some(outlet);
}

static void on_room(struct room_waiter *waiter)
{
    outlet_resume(LOOP_OWNER(waiter, struct outlet, room));
}

struct outlet *outlet_create(int fd, struct mux_stream *stream, void *owner,
                             void (*on_done)(void *owner, struct outlet *outlet))
{
    struct outlet *outlet = calloc(1, sizeof *outlet);
    if (outlet == NULL)
        return NULL;
    outlet->source = (struct loop_source){.fd = fd, .on_ready = on_outlet_ready};
    outlet->room.on_room = on_room;
    outlet->stream = stream;
    outlet->owner = owner;
    outlet->on_done = on_done;
    stream->outlet = outlet;
    return outlet;
}

void outlet_resume(struct outlet *outlet)
{
    if (outlet->room.is_waiting)
        return;
    if (loop_add(&outlet->source, EPOLLIN) != 0)
        on_end_of_file(outlet);
}

void outlet_finish(struct outlet *outlet)
{
    int left = 0;
    if (outlet->stream != NULL && ioctl(outlet->source.fd, FIONREAD, &left) == 0 && left > 0) {
        outlet->is_draining = true;
        outlet->drain_bytes = (size_t)left;
        return;
    }
    complete(outlet);
    outlet_resume(outlet);
}

void outlet_detach(struct outlet *outlet)
{
    outlet->stream->outlet = NULL;
    outlet->stream = NULL;
    room_leave(&outlet->room);
    if (outlet->is_draining)
        complete(outlet);
    outlet_resume(outlet);
}

void outlet_close(struct outlet *outlet)
{
    outlet->stream->outlet = NULL;
    outlet->stream = NULL;
    complete(outlet);
    free_outlet(outlet);
}

void outlet_discard(struct outlet *outlet)
{
    if (outlet->stream != NULL)
        outlet->stream->outlet = NULL;
    free_outlet(outlet);
}
