#include "streams.h"

#include "inlet.h"
#include "outlet.h"
#include "port.h"
#include "util.h"

static struct mux mux;

static void send_reset(uint32_t id, uint32_t reason)
{
    uint8_t payload[4];
    store_u32(payload, reason);
    port_send(OUTBOX_URGENT, GONDOLIN_FRAME_RESET, id, payload, sizeof payload);
}

/* Forgets the stream and closes the guest's end of it; `close_output` says how an output's writer learns of it. */
static void drop_stream(struct mux_stream *stream, void (*close_output)(struct outlet *))
{
    if (stream->inlet != NULL)
        inlet_close(stream->inlet);
    if (stream->outlet != NULL)
        close_output(stream->outlet);
    mux_end(&mux, stream);
}

static enum mux_result on_open(const struct frame *frame)
{
    enum mux_result result = mux_open(&mux, frame->stream, frame->payload[0]);
    if (result == MUX_REFUSED) {
        send_reset(frame->stream, GONDOLIN_RESET_REFUSED);
        return MUX_OK;
    }
    return result;
}

static enum mux_result on_data(struct mux_stream *stream, const struct frame *frame)
{
    enum mux_result result = mux_receive(stream, frame->payload, frame->length);
    if (result == MUX_OK && stream->inlet != NULL)
        inlet_feed(stream->inlet);
    return result;
}

static enum mux_result on_eof(struct mux_stream *stream)
{
    enum mux_result result = mux_receive_eof(stream);
    if (result != MUX_OK)
        return result;
    if (stream->inlet != NULL)
        inlet_feed(stream->inlet);
    else
        streams_settle(stream);
    return MUX_OK;
}

static enum mux_result on_credit(struct mux_stream *stream, const struct frame *frame)
{
    enum mux_result result = mux_receive_credit(stream, load_u32(frame->payload));
    if (result == MUX_OK && stream->outlet != NULL)
        outlet_resume(stream->outlet);
    return result;
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
        else
            drop_stream(stream, outlet_close);
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

void streams_reset(struct mux_stream *stream, uint32_t reason)
{
    send_reset(stream->id, reason);
    drop_stream(stream, outlet_close);
}

void streams_forget_all(void)
{
    while (mux.count > 0)
        drop_stream(mux.streams[mux.count - 1], outlet_detach);
    mux.last_id = 0;
}

void streams_send_eof(struct mux_stream *stream)
{
    /* In order after the stream's data. */
    port_send(OUTBOX_BULK, GONDOLIN_FRAME_EOF, stream->id, NULL, 0);
    stream->is_guest_done = true;
}

void streams_settle(struct mux_stream *stream)
{
    (void)mux_end_if_done(&mux, stream);
}
