#include <stdlib.h>
#include <string.h>

#include "../src/mux.h"
#include "unit.h"

static uint8_t window[GONDOLIN_INITIAL_WINDOW_BYTES];

static void end_all(struct mux *mux)
{
    while (mux->count > 0)
        mux_end(mux, mux->streams[0]);
}

static void checks_ids(void)
{
    struct mux mux = {0};
    struct mux_stream *stream = NULL;
    CHECK(mux_open(&mux, 3, GONDOLIN_STREAM_KIND_STDIO) == MUX_BAD_ID);
    CHECK(mux_open(&mux, 4, GONDOLIN_STREAM_KIND_STDIO) == MUX_OK);
    CHECK(mux_open(&mux, 4, GONDOLIN_STREAM_KIND_STDIO) == MUX_BAD_ID);
    CHECK(mux_open(&mux, 2, GONDOLIN_STREAM_KIND_STDIO) == MUX_BAD_ID);
    CHECK(mux_open(&mux, 6, 77) == MUX_REFUSED);
    CHECK(mux_find(&mux, 4, &stream) == MUX_OK && stream->id == 4);
    CHECK(mux_find(&mux, 100, &stream) == MUX_UNKNOWN_STREAM);
    end_all(&mux);
    CHECK(mux_find(&mux, 4, &stream) == MUX_ENDED);
}

static void holds_the_host_to_its_window(void)
{
    struct mux mux = {0};
    struct mux_stream *stream = NULL;
    CHECK(mux_open(&mux, 2, GONDOLIN_STREAM_KIND_STDIO) == MUX_OK);
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

void unit_mux(void)
{
    checks_ids();
    holds_the_host_to_its_window();
}
