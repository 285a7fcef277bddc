#include "mux.h"

#include "util.h"

#define MIN_INPUT_BYTES 4096

enum mux_result mux_open(struct mux *mux, uint32_t id, uint8_t kind)
{
    if (id % 2 != 0 || id <= mux->last_id)
        return MUX_BAD_ID;
    mux->last_id = id;
    if (kind != GONDOLIN_STREAM_KIND_STDIO || mux->count == GONDOLIN_MAX_OPEN_STREAMS)
        return MUX_REFUSED;
    struct mux_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return MUX_REFUSED;
    stream->id = id;
    stream->send_window = GONDOLIN_INITIAL_WINDOW_BYTES;
    stream->receive_window = GONDOLIN_INITIAL_WINDOW_BYTES;
    mux->streams[mux->count++] = stream;
    return MUX_OK;
}

enum mux_result mux_find(struct mux *mux, uint32_t id, struct mux_stream **stream)
{
    for (size_t i = 0; i < mux->count; i++) {
        if (mux->streams[i]->id == id) {
            *stream = mux->streams[i];
            return MUX_OK;
        }
    }
    *stream = NULL;
    return id % 2 == 0 && id <= mux->last_id ? MUX_ENDED : MUX_UNKNOWN_STREAM;
}

/* Makes room for `count` more input bytes. The window bounds the sum, so the buffer never passes one window. */
static bool reserve_input(struct mux_stream *stream, size_t count)
{
    size_t needed = stream->input_length + count;
    if (stream->input_start + needed <= stream->input_capacity)
        return true;
    if (needed <= stream->input_capacity) {
        memmove(stream->input, stream->input + stream->input_start, stream->input_length);
        stream->input_start = 0;
        return true;
    }
    size_t capacity = stream->input_capacity < MIN_INPUT_BYTES ? MIN_INPUT_BYTES : stream->input_capacity;
    while (capacity < needed)
        capacity *= 2;
    uint8_t *input = malloc(capacity);
    if (input == NULL)
        return false;
    if (stream->input_length > 0)
        memcpy(input, stream->input + stream->input_start, stream->input_length);
    free(stream->input);
    stream->input = input;
    stream->input_capacity = capacity;
    stream->input_start = 0;
    return true;
}

enum mux_result mux_receive(struct mux_stream *stream, const uint8_t *bytes, size_t count)
{
    if (stream->is_host_done)
        return MUX_AFTER_EOF;
    if (count > stream->receive_window)
        return MUX_WINDOW_EXCEEDED;
    if (!reserve_input(stream, count))
        return MUX_NO_MEMORY;
    memcpy(stream->input + stream->input_start + stream->input_length, bytes, count);
    stream->input_length += count;
    stream->receive_window -= (uint32_t)count;
    return MUX_OK;
}

enum mux_result mux_receive_eof(struct mux_stream *stream)
{
    if (stream->is_host_done)
        return MUX_AFTER_EOF;
    stream->is_host_done = true;
    return MUX_OK;
}

enum mux_result mux_receive_credit(struct mux_stream *stream, uint32_t bytes)
{
    if (bytes > GONDOLIN_INITIAL_WINDOW_BYTES - stream->send_window)
        return MUX_CREDIT_EXCEEDED;
    stream->send_window += bytes;
    return MUX_OK;
}

uint32_t mux_consume(struct mux_stream *stream, size_t count)
{
    if (count > stream->input_length)
        count = stream->input_length;
    stream->input_start += count;
    stream->input_length -= count;
    if (stream->input_length == 0)
        stream->input_start = 0;
    stream->consumed += (uint32_t)count;
    if (stream->is_host_done || stream->consumed < GONDOLIN_INITIAL_WINDOW_BYTES / 2)
        return 0;
    uint32_t grant = stream->consumed;
    stream->consumed = 0;
    stream->receive_window += grant;
    return grant;
}

void mux_end(struct mux *mux, struct mux_stream *stream)
{
    for (size_t i = 0; i < mux->count; i++) {
        if (mux->streams[i] == stream) {
            mux->streams[i] = mux->streams[--mux->count];
            break;
        }
    }
    free(stream->input);
    free(stream);
}

bool mux_end_if_done(struct mux *mux, struct mux_stream *stream)
{
    if (!stream->is_host_done || !stream->is_guest_done || stream->inlet != NULL || stream->outlet != NULL)
        return false;
    mux_end(mux, stream);
    return true;
}

const char *mux_strerror(enum mux_result result)
{
    switch (result) {
    case MUX_OK:
        return "no error";
    case MUX_ENDED:
        return "stream has ended";
    case MUX_REFUSED:
        return "stream refused";
    case MUX_UNKNOWN_STREAM:
        return "stream was never opened";
    case MUX_BAD_ID:
        return "stream id is odd or does not rise";
    case MUX_WINDOW_EXCEEDED:
        return "DATA beyond the granted window";
    case MUX_CREDIT_EXCEEDED:
        return "CREDIT beyond the initial window";
    case MUX_AFTER_EOF:
        return "DATA or EOF after EOF";
    case MUX_NO_MEMORY:
        return "out of memory";
    }
    return "unknown mux result";
}
