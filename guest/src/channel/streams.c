#include "channel/streams.h"

#include "channel/port.h"
#include "exec/output_pipe.h"
#include "exec/stdin_pipe.h"
#include "runtime/util.h"

static struct mux mux;

static void send_reset(enum outbox_queue queue, uint32_t id, uint32_t reason)
{
    uint8_t payload[4];
    store_u32(payload, reason);
    port_send(queue, GONDOLIN_FRAME_RESET, id, payload, sizeof payload);
}

/* Forgets the stream and closes the guest's end of it; `close_output` says how an output's writer learns of it. */
static void drop_stream(struct mux_stream *stream, void (*close_output)(struct output_pipe *))
{
    if (stream->stdin_pipe != NULL)
        stdin_pipe_close(stream->stdin_pipe);
    if (stream->output_pipe != NULL)
        close_output(stream->output_pipe);
    if (stream->handlers != NULL)
        stream->handlers->on_end(stream->owner);
    mux_end(&mux, stream);
}

static enum mux_result on_open(const struct frame *frame)
{
    enum mux_result result = mux_open(&mux, frame->stream, frame->payload[0], frame->length);
    if (result == MUX_REFUSED) {
        send_reset(OUTBOX_URGENT, frame->stream, GONDOLIN_RESET_REFUSED);
        return MUX_OK;
    }
    return result;
}

static enum mux_result on_data(struct mux_stream *stream, const struct frame *frame)
{
    enum mux_result result = mux_admit(stream, frame->length);
    if (result != MUX_OK)
        return result;
    if (stream->handlers != NULL) {
        stream->handlers->on_data(stream->owner, frame->payload, frame->length);
        return MUX_OK;
    }
    if (!mux_keep(stream, frame->payload, frame->length))
        return MUX_NO_MEMORY;
    if (stream->stdin_pipe != NULL)
        stdin_pipe_feed(stream->stdin_pipe);
    return MUX_OK;
}

static enum mux_result on_eof(struct mux_stream *stream)
{
    enum mux_result result = mux_receive_eof(stream);
    if (result != MUX_OK)
        return result;
    if (stream->handlers != NULL)
        stream->handlers->on_eof(stream->owner);
    else if (stream->stdin_pipe != NULL)
        stdin_pipe_feed(stream->stdin_pipe);
    else
        streams_settle(stream);
    return MUX_OK;
}

static enum mux_result on_credit(struct mux_stream *stream, const struct frame *frame)
{
    enum mux_result result = mux_receive_credit(stream, load_u32(frame->payload));
    if (result != MUX_OK)
        return result;
    if (stream->handlers != NULL)
        stream->handlers->on_credit(stream->owner);
    else if (stream->output_pipe != NULL)
        output_pipe_resume(stream->output_pipe);
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
    drop_stream(stream, output_pipe_close);
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

struct mux_stream *streams_claim(uint32_t id)
{
    struct mux_stream *stream;
    if (mux_find(&mux, id, &stream) != MUX_OK || stream->is_claimed)
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
    /* In order with the ends of former streams, so that the host never counts more open ones than the guest does. */
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
    /* Behind the OPEN where it may not have left yet. */
    send_reset(stream->id % 2 == 0 ? OUTBOX_URGENT : OUTBOX_BULK, stream->id, reason);
    drop_stream(stream, output_pipe_close);
}

void streams_forget_all(void)
{
    struct mux_stream *stream;
    while ((stream = mux_any(&mux)) != NULL)
        drop_stream(stream, output_pipe_detach);
    mux.last_host_id = 0;
    mux.last_guest_id = 0;
}

void streams_send_eof(struct mux_stream *stream)
{
    /* In order after the stream's data. */
    port_send(OUTBOX_BULK, GONDOLIN_FRAME_EOF, stream->id, NULL, 0);
    stream->is_guest_done = true;
}

void streams_release(struct mux_stream *stream)
{
    stream->handlers = NULL;
    streams_settle(stream);
}

void streams_settle(struct mux_stream *stream)
{
    (void)mux_end_if_done(&mux, stream);
}
