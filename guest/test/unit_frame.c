#include <string.h>

#include "channel/frame.h"
#include "runtime/util.h"
#include "unit.h"

static uint8_t bytes[GONDOLIN_FRAME_HEADER_BYTES + 64];

static enum frame_result decode(uint32_t length, uint8_t type, uint32_t stream, size_t count, size_t *size)
{
    struct frame frame;
    frame_encode_header(bytes, type, stream, length);
    return frame_decode(bytes, count, &frame, size);
}

static void decodes_what_it_encodes(void)
{
    struct frame frame;
    size_t size = 0;
    frame_encode_header(bytes, GONDOLIN_FRAME_DATA, 2, 5);
    memcpy(bytes + GONDOLIN_FRAME_HEADER_BYTES, "hello", 5);
    CHECK(frame_decode(bytes, GONDOLIN_FRAME_HEADER_BYTES + 5, &frame, &size) == FRAME_OK);
    CHECK(size == GONDOLIN_FRAME_HEADER_BYTES + 5);
    CHECK(frame.type == GONDOLIN_FRAME_DATA && frame.stream == 2 && frame.length == 5);
    CHECK(memcmp(frame.payload, "hello", 5) == 0);
}

static void waits_for_the_rest(void)
{
    size_t size = 0;
    CHECK(decode(5, GONDOLIN_FRAME_DATA, 2, 0, &size) == FRAME_INCOMPLETE && size == GONDOLIN_FRAME_HEADER_BYTES);
    CHECK(decode(5, GONDOLIN_FRAME_DATA, 2, 11, &size) == FRAME_INCOMPLETE && size == GONDOLIN_FRAME_HEADER_BYTES);
    CHECK(decode(5, GONDOLIN_FRAME_DATA, 2, 12, &size) == FRAME_INCOMPLETE && size == GONDOLIN_FRAME_HEADER_BYTES + 5);
}

static void refuses_broken_headers(void)
{
    const size_t all = sizeof bytes;
    size_t size;
    struct frame frame;
    CHECK(decode(4, 0, 2, all, &size) == FRAME_BAD_TYPE);
    CHECK(decode(4, 8, 2, all, &size) == FRAME_BAD_TYPE);
    CHECK(decode(0, GONDOLIN_FRAME_DATA, 2, all, &size) == FRAME_BAD_LENGTH);
    CHECK(decode(GONDOLIN_MAX_DATA_BYTES + 1, GONDOLIN_FRAME_DATA, 2, all, &size) == FRAME_BAD_LENGTH);
    CHECK(decode(GONDOLIN_MAX_HOST_PAYLOAD_BYTES + 1, GONDOLIN_FRAME_MESSAGE, 0, all, &size) == FRAME_BAD_LENGTH);
    CHECK(decode(7, GONDOLIN_FRAME_MESSAGE, 0, all, &size) == FRAME_BAD_LENGTH);
    CHECK(decode(1, GONDOLIN_FRAME_EOF, 2, all, &size) == FRAME_BAD_LENGTH);
    CHECK(decode(8, GONDOLIN_FRAME_MESSAGE, 2, all, &size) == FRAME_BAD_STREAM);
    CHECK(decode(4, GONDOLIN_FRAME_DATA, 0, all, &size) == FRAME_BAD_STREAM);
    frame_encode_header(bytes, GONDOLIN_FRAME_EOF, 2, 0);
    bytes[5] = 1;
    CHECK(frame_decode(bytes, all, &frame, &size) == FRAME_BAD_FLAGS);
    frame_encode_header(bytes, GONDOLIN_FRAME_CREDIT, 2, 4);
    store_u32(bytes + GONDOLIN_FRAME_HEADER_BYTES, 0);
    CHECK(frame_decode(bytes, all, &frame, &size) == FRAME_BAD_CREDIT);
    store_u32(bytes + GONDOLIN_FRAME_HEADER_BYTES, GONDOLIN_INITIAL_WINDOW_BYTES + 1);
    CHECK(frame_decode(bytes, all, &frame, &size) == FRAME_BAD_CREDIT);
}

void unit_frame(void)
{
    decodes_what_it_encodes();
    waits_for_the_rest();
    refuses_broken_headers();
}
