#include <stdlib.h>
#include <string.h>

#include "channel/mux.h"
#include "unit.h"

static uint8_t window[GONDOLIN_INITIAL_WINDOW_BYTES];

static void end_all(struct mux *mux)
{
    struct mux_stream *stream;
    while ((stream = mux_any(mux)) != NULL)
        mux_end(mux, stream);
}

static void checks_ids(void)
{
    static struct mux mux;
    struct mux_stream *stream = NULL;
    CHECK(mux_open(&mux, 3, GONDOLIN_STREAM_KIND_STDIO, 1) == MUX_BAD_ID);
    CHECK(mux_open(&mux, 4, GONDOLIN_STREAM_KIND_STDIO, 1) == MUX_OK);
    CHECK(mux_open(&mux, 4, GONDOLIN_STREAM_KIND_STDIO, 1) == MUX_BAD_ID);
    CHECK(mux_open(&mux, 2, GONDOLIN_STREAM_KIND_STDIO, 1) == MUX_BAD_ID);
    CHECK(mux_open(&mux, 6, 77, 1) == MUX_REFUSED);
    CHECK(mux_find(&mux, 4, &stream) == MUX_OK && stream->id == 4);
    CHECK(mux_find(&mux, 100, &stream) == MUX_UNKNOWN_STREAM);
    end_all(&mux);
    CHECK(mux_find(&mux, 4, &stream) == MUX_ENDED);
    CHECK(mux_open(&mux, 8, GONDOLIN_STREAM_KIND_STDIO, 2) == MUX_REFUSED);
    CHECK(mux_open(&mux, 10, GONDOLIN_STREAM_KIND_CONNECT, GONDOLIN_TCP_DESTINATION_BYTES) == MUX_REFUSED);
    CHECK(mux_open(&mux, 12, GONDOLIN_STREAM_KIND_TCP, 1 + GONDOLIN_TCP_DESTINATION_BYTES) == MUX_REFUSED);
    CHECK(mux.host_count == 0);
    CHECK(mux_open(&mux, 14, GONDOLIN_STREAM_KIND_CONNECT, 1 + GONDOLIN_TCP_DESTINATION_BYTES) == MUX_OK);
    CHECK(mux_find(&mux, 14, &stream) == MUX_OK && stream->kind == GONDOLIN_STREAM_KIND_CONNECT);
    end_all(&mux);
}

static void holds_the_host_to_its_window(void)
{
    static struct mux mux;
    struct mux_stream *stream = NULL;
    CHECK(mux_open(&mux, 2, GONDOLIN_STREAM_KIND_STDIO, 1) == MUX_OK);
    CHECK(mux_find(&mux, 2, &stream) == MUX_OK);
    CHECK(mux_receive(stream, window, sizeof window) == MUX_OK);
    CHECK(mux_receive(stream, window, 1) == MUX_WINDOW_EXCEEDED);
    CHECK(mux_consume(stream, 10) == 0);
    CHECK(mux_consume(stream, sizeof window / 2) > 0);
    CHECK(mux_receive_credit(stream, 1) == MUX_CREDIT_EXCEEDED);
    CHECK(mux_receive_eof(stream) == MUX_OK);
    CHECK(mux_receive_eof(stream) == MUX_AFTER_EOF);
    CHECK(mux_receive(stream, window, 1) == MUX_AFTER_EOF);
    end_all(&mux);
}

static void gives_ids_of_its_own(void)
{
    static struct mux mux;
    static struct mux_stream *streams[GONDOLIN_MAX_OPEN_STREAMS];
    struct mux_stream *found = NULL;
    CHECK(mux_find(&mux, 1, &found) == MUX_UNKNOWN_STREAM);
    for (size_t i = 0; i < GONDOLIN_MAX_OPEN_STREAMS; i++) {
        streams[i] = mux_open_own(&mux, NULL, NULL);
        CHECK(streams[i] != NULL && streams[i]->id == 2 * i + 1);
    }
    CHECK(mux_open_own(&mux, NULL, NULL) == NULL);
    CHECK(mux_open(&mux, 2, GONDOLIN_STREAM_KIND_STDIO, 1) == MUX_OK);
    for (size_t i = 0; i < GONDOLIN_MAX_OPEN_STREAMS; i++)
        CHECK(mux_find(&mux, (uint32_t)(2 * i + 1), &found) == MUX_OK && found == streams[i]);
    mux_end(&mux, streams[500]);
    CHECK(mux_find(&mux, 1001, &found) == MUX_ENDED && found == NULL);
    CHECK(mux_find(&mux, 2049, &found) == MUX_UNKNOWN_STREAM);
    streams[500] = mux_open_own(&mux, NULL, NULL);
    CHECK(streams[500] != NULL && streams[500]->id == 2049);
    end_all(&mux);
    CHECK(mux.guest_count == 0 && mux.host_count == 0);
    mux.last_guest_id = UINT32_MAX;
    CHECK(mux_open_own(&mux, NULL, NULL) == NULL);
}

static void grants_what_passed_without_waiting(void)
{
    static struct mux mux;
    struct mux_stream *stream = mux_open_own(&mux, NULL, NULL);
    CHECK(mux_admit(stream, sizeof window) == MUX_OK);
    CHECK(mux_admit(stream, 1) == MUX_WINDOW_EXCEEDED);
    CHECK(mux_pass(stream, sizeof window / 2 - 1) == 0);
    CHECK(mux_keep(stream, window, 1));
    CHECK(mux_consume(stream, 1) == sizeof window / 2);
    CHECK(mux_admit(stream, sizeof window / 2) == MUX_OK);
    CHECK(mux_receive_eof(stream) == MUX_OK);
    CHECK(mux_pass(stream, sizeof window / 2) == 0);
    CHECK(mux_admit(stream, 1) == MUX_AFTER_EOF);
    end_all(&mux);
}

static void keeps_no_large_buffer_for_an_idle_stream(void)
{
    static struct mux mux;
    struct mux_stream *stream = mux_open_own(&mux, NULL, NULL);
    CHECK(mux_receive(stream, window, sizeof window) == MUX_OK && stream->input_length == sizeof window);
    (void)mux_consume(stream, sizeof window - 1);
    CHECK(stream->input != NULL && stream->input_length == 1);
    (void)mux_consume(stream, 1);
    CHECK(stream->input == NULL && stream->input_capacity == 0);
    CHECK(mux_receive(stream, window, 10) == MUX_OK && stream->input_length == 10);
    end_all(&mux);
}

static void on_end(void *owner)
{
    (void)owner;
}

static void ends_when_the_owner_lets_go(void)
{
    static struct mux mux;
    static const struct stream_handlers handlers = {.on_end = on_end};
    struct mux_stream *stream = mux_open_own(&mux, &handlers, NULL);
    stream->is_guest_done = true;
    CHECK(mux_receive_eof(stream) == MUX_OK);
    CHECK(!mux_end_if_done(&mux, stream));
    stream->handlers = NULL;
    CHECK(mux_end_if_done(&mux, stream) && mux.guest_count == 0);
}

void unit_mux(void)
{
    gives_ids_of_its_own();
    grants_what_passed_without_waiting();
    keeps_no_large_buffer_for_an_idle_stream();
    ends_when_the_owner_lets_go();
    checks_ids();
    holds_the_host_to_its_window();
}
