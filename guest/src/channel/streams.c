#include "channel/streams.h"

#include "channel/port.h"
#include "runtime/util.h"

static struct mux mux;
static void (*connect_handler)(struct mux_stream *stream, const uint8_t *destination);

static void send_reset(enum outbox_queue queue, uint32_t id, uint32_t reason)
{
    uint8_t payload[4];
    store_u32(payload, reason);
    port_send(queue, GONDOLIN_FRAME_RESET, id, payload, sizeof payload);
}

static void end_stream(struct mux_stream *stream)
{
    if (stream->handlers != NULL)
        stream->handlers->on_end(stream->owner);
    mux_end(&mux, stream);
}

static void abandon_stream(struct mux_stream *stream)
{
    const struct stream_handlers *handlers = stream->handlers;
    if (handlers != NULL && handlers->on_host_gone != NULL)
        handlers->on_host_gone(stream->owner);
    else if (handlers != NULL)
        handlers->on_end(stream->owner);
    mux_end(&mux, stream);
}

/* Ends the stream if nothing can follow on it; the pointer is invalid afterwards. */
static void settle(struct mux_stream *stream)
{
    (void)mux_end_if_done(&mux, stream);
}

static enum mux_result on_open(const struct frame *frame)
{
    enum mux_result result = mux_open(&mux, frame->stream, frame->payload[0], frame->length);
    if (result == MUX_REFUSED) {
        send_reset(OUTBOX_URGENT, frame->stream, GONDOLIN_RESET_REFUSED);
        return MUX_OK;
    }
    struct mux_stream *stream;
    if (result != MUX_OK || frame->payload[0] != GONDOLIN_STREAM_KIND_CONNECT)
        return result;
    result = mux_find(&mux, frame->stream, &stream);
    if (result == MUX_OK && connect_handler != NULL)
        connect_handler(stream, frame->payload + 1);
    else if (result == MUX_OK)
        streams_reset(stream, GONDOLIN_RESET_REFUSED);
    return result;
}

static enum mux_result on_data(struct mux_stream *stream, const struct frame *frame)
{
    enum mux_result result = mux_admit(stream, frame->length);
    if (result != MUX_OK)
        return result;
    const struct stream_handlers *handlers = stream->handlers;
    if (handlers != NULL && handlers->on_data != NULL) {
        handlers->on_data(stream->owner, frame->payload, frame->length);
        return MUX_OK;
    }
    if (!mux_keep(stream, frame->payload, frame->length))
        return MUX_NO_MEMORY;
    if (handlers != NULL && handlers->on_kept != NULL)
        handlers->on_kept(stream->owner);
    return MUX_OK;
}

static enum mux_result on_eof(struct mux_stream *stream)
{
    enum mux_result result = mux_receive_eof(stream);
    if (result != MUX_OK)
        return result;
    if (stream->handlers == NULL)
        settle(stream);
    else if (stream->handlers->on_eof != NULL)
        stream->handlers->on_eof(stream->owner);
    return MUX_OK;
}

static enum mux_result on_credit(struct mux_stream *stream, const struct frame *frame)
{
    enum mux_result result = mux_receive_credit(stream, load_u32(frame->payload));
    if (result != MUX_OK)
        return result;
    if (stream->handlers != NULL && stream->handlers->on_credit != NULL)
        stream->handlers->on_credit(stream->owner);
    return MUX_OK;
}

static void on_accept(const struct mux_stream *stream)
{
    if (stream->handlers != NULL && stream->handlers->on_accept != NULL)
        stream->handlers->on_accept(stream->owner);
}

static void on_reset(struct mux_stream *stream, const struct frame *frame)
{
    stream->reset_reason = load_u32(frame->payload);
    end_stream(stream);
}

const char *streams_on_frame(const struct frame *frame)
{
    enum mux_result result;
    struct mux_stream *stream = NULL;
    if (frame->type == GONDOLIN_FRAME_OPEN) {
        result = on_open(frame);
    } else {
        result = mux_find(&mux, frame->stream, &stream);
        if (result == MUX_ENDED)
            return NULL;
    }
    if (stream != NULL) {
        if (frame->type == GONDOLIN_FRAME_DATA)
            result = on_data(stream, frame);
        else if (frame->type == GONDOLIN_FRAME_EOF)
            result = on_eof(stream);
        else if (frame->type == GONDOLIN_FRAME_CREDIT)
            result = on_credit(stream, frame);
        else if (frame->type == GONDOLIN_FRAME_ACCEPT)
            on_accept(stream);
        else
            on_reset(stream, frame);
    }
    return result == MUX_OK ? NULL : mux_strerror(result);
}

void streams_on_connect(void (*on_connect)(struct mux_stream *stream, const uint8_t *destination))
{
    connect_handler = on_connect;
}

void streams_accept(const struct mux_stream *stream)
{
    port_send(OUTBOX_BULK, GONDOLIN_FRAME_ACCEPT, stream->id, NULL, 0);
}

struct mux_stream *streams_claim(uint32_t id)
{
    struct mux_stream *stream;
    if (mux_find(&mux, id, &stream) != MUX_OK || stream->is_claimed || stream->kind != GONDOLIN_STREAM_KIND_STDIO)
        return NULL;
    stream->is_claimed = true;
    return stream;
}

struct mux_stream *streams_get(uint32_t id)
{
    struct mux_stream *stream;
    return mux_find(&mux, id, &stream) == MUX_OK && stream->is_claimed ? stream : NULL;
}

struct mux_stream *streams_open(uint8_t kind, const uint8_t *payload, size_t length,
                                const struct stream_handlers *handlers, void *owner)
{
    uint8_t open[GONDOLIN_MAX_OPEN_PAYLOAD_BYTES];
    if (length > sizeof open - 1)
        return NULL;
    struct mux_stream *stream = mux_open_own(&mux, handlers, owner);
    if (stream == NULL)
        return NULL;
    open[0] = kind;
    if (length > 0)
        memcpy(open + 1, payload, length);
    /*
     * In order with the ends of earlier streams, so that the host never counts more open streams than the guest does.
     */
    port_send(OUTBOX_BULK, GONDOLIN_FRAME_OPEN, stream->id, open, length + 1);
    return stream;
}

void streams_send(struct mux_stream *stream, const uint8_t *bytes, size_t count)
{
    port_send(OUTBOX_BULK, GONDOLIN_FRAME_DATA, stream->id, bytes, count);
    stream->send_window -= (uint32_t)count;
}

static void grant(const struct mux_stream *stream, uint32_t bytes)
{
    uint8_t payload[4];
    if (bytes == 0)
        return;
    store_u32(payload, bytes);
    port_send(OUTBOX_URGENT, GONDOLIN_FRAME_CREDIT, stream->id, payload, sizeof payload);
}

void streams_consumed(struct mux_stream *stream, size_t count)
{
    grant(stream, mux_consume(stream, count));
}

void streams_passed(struct mux_stream *stream, size_t count)
{
    grant(stream, mux_pass(stream, count));
}

void streams_reset(struct mux_stream *stream, uint32_t reason)
{
    /* In order after the OPEN or ACCEPT of a connection, which may still be queued. */
    send_reset(stream->kind == GONDOLIN_STREAM_KIND_STDIO ? OUTBOX_URGENT : OUTBOX_BULK, stream->id, reason);
    end_stream(stream);
}

void streams_forget_all(void)
{
    struct mux_stream *stream;
    while ((stream = mux_any(&mux)) != NULL)
        abandon_stream(stream);
    mux.last_host_id = 0;
    mux.last_guest_id = 0;
}

void streams_send_eof(struct mux_stream *stream)
{
    /* In order after the stream's data. */
    port_send(OUTBOX_BULK, GONDOLIN_FRAME_EOF, stream->id, NULL, 0);
    stream->is_guest_done = true;
}

void streams_attach(struct mux_stream *stream, const struct stream_handlers *handlers, void *owner)
{
    stream->handlers = handlers;
    stream->owner = owner;
}

void streams_detach(struct mux_stream *stream)
{
    stream->handlers = NULL;
    stream->owner = NULL;
}

void streams_release(struct mux_stream *stream)
{
    streams_detach(stream);
    settle(stream);
}
