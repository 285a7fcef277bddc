#include "channel/mux.h"

#include "runtime/util.h"

#define MIN_INPUT_BYTES 4096
#define MAX_IDLE_INPUT_BYTES 65536

static struct mux_stream **bucket_of(struct mux *mux, uint32_t id)
{
    return &mux->buckets[id % MUX_BUCKETS];
}

static size_t *count_of(struct mux *mux, uint32_t id)
{
    return id % 2 == 0 ? &mux->host_count : &mux->guest_count;
}

static struct mux_stream *add_stream(struct mux *mux, uint32_t id)
{
    struct mux_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NULL;
    stream->id = id;
    stream->send_window = GONDOLIN_INITIAL_WINDOW_BYTES;
    stream->receive_window = GONDOLIN_INITIAL_WINDOW_BYTES;
    struct mux_stream **bucket = bucket_of(mux, id);
    stream->next_in_bucket = *bucket;
    *bucket = stream;
    ++*count_of(mux, id);
    return stream;
}

static bool is_open_valid(uint8_t kind, size_t length)
{
    return (kind == GONDOLIN_STREAM_KIND_STDIO && length == 1) ||
           (kind == GONDOLIN_STREAM_KIND_CONNECT && length == 1 + GONDOLIN_TCP_DESTINATION_BYTES);
}

enum mux_result mux_open(struct mux *mux, uint32_t id, uint8_t kind, size_t length)
{
    if (id % 2 != 0 || id <= mux->last_host_id)
        return MUX_BAD_ID;
    mux->last_host_id = id;
    if (!is_open_valid(kind, length) || mux->host_count == GONDOLIN_MAX_OPEN_STREAMS)
        return MUX_REFUSED;
    struct mux_stream *stream = add_stream(mux, id);
    if (stream == NULL)
        return MUX_REFUSED;
    stream->kind = kind;
    return MUX_OK;
}

struct mux_stream *mux_open_own(struct mux *mux, const struct stream_handlers *handlers, void *owner)
{
    uint32_t id = mux->last_guest_id == 0 ? 1 : mux->last_guest_id + 2;
    /* An id is never used twice. */
    if (id < mux->last_guest_id || mux->guest_count == GONDOLIN_MAX_OPEN_STREAMS)
        return NULL;
    struct mux_stream *stream = add_stream(mux, id);
    if (stream == NULL)
        return NULL;
    mux->last_guest_id = id;
    stream->handlers = handlers;
    stream->owner = owner;
    return stream;
}

enum mux_result mux_find(const struct mux *mux, uint32_t id, struct mux_stream **stream)
{
    for (*stream = mux->buckets[id % MUX_BUCKETS]; *stream != NULL; *stream = (*stream)->next_in_bucket) {
        if ((*stream)->id == id)
            return MUX_OK;
    }
    uint32_t last_id = id % 2 == 0 ? mux->last_host_id : mux->last_guest_id;
    return id <= last_id ? MUX_ENDED : MUX_UNKNOWN_STREAM;
}

struct mux_stream *mux_any(const struct mux *mux)
{
    for (size_t i = 0; i < MUX_BUCKETS; i++) {
        if (mux->buckets[i] != NULL)
            return mux->buckets[i];
    }
    return NULL;
}

/* Makes room for `count` more input bytes. The window bounds the sum, so the buffer never exceeds one window. */
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

enum mux_result mux_admit(struct mux_stream *stream, size_t count)
{
    if (stream->is_host_done)
        return MUX_AFTER_EOF;
    if (count > stream->receive_window)
        return MUX_WINDOW_EXCEEDED;
    stream->receive_window -= (uint32_t)count;
    return MUX_OK;
}

bool mux_keep(struct mux_stream *stream, const uint8_t *bytes, size_t count)
{
    if (!reserve_input(stream, count))
        return false;
    memcpy(stream->input + stream->input_start + stream->input_length, bytes, count);
    stream->input_length += count;
    return true;
}

enum mux_result mux_receive(struct mux_stream *stream, const uint8_t *bytes, size_t count)
{
    enum mux_result result = mux_admit(stream, count);
    if (result == MUX_OK && !mux_keep(stream, bytes, count))
        return MUX_NO_MEMORY;
    return result;
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

uint32_t mux_pass(struct mux_stream *stream, size_t count)
{
    stream->consumed += (uint32_t)count;
    if (stream->is_host_done || stream->consumed < GONDOLIN_INITIAL_WINDOW_BYTES / 2)
        return 0;
    uint32_t grant = stream->consumed;
    stream->consumed = 0;
    stream->receive_window += grant;
    return grant;
}

/* Hundreds of idle connections must not each keep what one burst needed. */
static void release_large_input(struct mux_stream *stream)
{
    stream->input_start = 0;
    if (stream->input_capacity <= MAX_IDLE_INPUT_BYTES)
        return;
    free(stream->input);
    stream->input = NULL;
    stream->input_capacity = 0;
}

uint32_t mux_consume(struct mux_stream *stream, size_t count)
{
    if (count > stream->input_length)
        count = stream->input_length;
    stream->input_start += count;
    stream->input_length -= count;
    if (stream->input_length == 0)
        release_large_input(stream);
    return mux_pass(stream, count);
}

void mux_end(struct mux *mux, struct mux_stream *stream)
{
    struct mux_stream **link = bucket_of(mux, stream->id);
    while (*link != stream)
        link = &(*link)->next_in_bucket;
    *link = stream->next_in_bucket;
    --*count_of(mux, stream->id);
    free(stream->input);
    free(stream);
}

bool mux_end_if_done(struct mux *mux, struct mux_stream *stream)
{
    if (!stream->is_host_done || !stream->is_guest_done)
        return false;
    if (stream->handlers != NULL)
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
        return "stream id is not one of the host's or does not rise";
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
