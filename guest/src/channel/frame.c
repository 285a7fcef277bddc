#include "channel/frame.h"

#include "runtime/util.h"

/* The payload sizes that a type allows, in bytes. */
struct frame_rule {
    uint32_t min;
    uint32_t max;
};

static const struct frame_rule RULES[] = {
    [GONDOLIN_FRAME_MESSAGE] = {GONDOLIN_MESSAGE_HEADER_BYTES, GONDOLIN_MAX_HOST_PAYLOAD_BYTES},
    [GONDOLIN_FRAME_OPEN] = {1, GONDOLIN_MAX_OPEN_PAYLOAD_BYTES},
    [GONDOLIN_FRAME_DATA] = {1, GONDOLIN_MAX_DATA_BYTES},
    [GONDOLIN_FRAME_EOF] = {0, 0},
    [GONDOLIN_FRAME_RESET] = {4, 4},
    [GONDOLIN_FRAME_CREDIT] = {4, 4},
    [GONDOLIN_FRAME_ACCEPT] = {0, 0},
};

static enum frame_result check_header(const uint8_t *bytes, uint32_t length, uint8_t type, uint32_t stream)
{
    if (type < GONDOLIN_FRAME_MESSAGE || type >= ARRAY_LENGTH(RULES))
        return FRAME_BAD_TYPE;
    if (bytes[5] != 0 || bytes[6] != 0 || bytes[7] != 0)
        return FRAME_BAD_FLAGS;
    if ((type == GONDOLIN_FRAME_MESSAGE) != (stream == 0))
        return FRAME_BAD_STREAM;
    if (length < RULES[type].min || length > RULES[type].max)
        return FRAME_BAD_LENGTH;
    return FRAME_OK;
}

enum frame_result frame_decode(const uint8_t *bytes, size_t count, struct frame *frame, size_t *size)
{
    *size = GONDOLIN_FRAME_HEADER_BYTES;
    if (count < GONDOLIN_FRAME_HEADER_BYTES)
        return FRAME_INCOMPLETE;
    uint32_t length = load_u32(bytes);
    uint8_t type = bytes[4];
    uint32_t stream = load_u32(bytes + 8);
    enum frame_result result = check_header(bytes, length, type, stream);
    if (result != FRAME_OK)
        return result;
    *size += length;
    if (count < *size)
        return FRAME_INCOMPLETE;
    const uint8_t *payload = bytes + GONDOLIN_FRAME_HEADER_BYTES;
    if (type == GONDOLIN_FRAME_CREDIT) {
        uint32_t credit = load_u32(payload);
        if (credit == 0 || credit > GONDOLIN_INITIAL_WINDOW_BYTES)
            return FRAME_BAD_CREDIT;
    }
    *frame = (struct frame){.type = type, .stream = stream, .payload = payload, .length = length};
    return FRAME_OK;
}

void frame_encode_header(uint8_t *bytes, uint8_t type, uint32_t stream, uint32_t length)
{
    store_u32(bytes, length);
    bytes[4] = type;
    bytes[5] = 0;
    store_u16(bytes + 6, 0);
    store_u32(bytes + 8, stream);
}

const char *frame_strerror(enum frame_result result)
{
    switch (result) {
    case FRAME_OK:
        return "no error";
    case FRAME_INCOMPLETE:
        return "more bytes needed";
    case FRAME_BAD_TYPE:
        return "unknown frame type";
    case FRAME_BAD_FLAGS:
        return "flags or reserved bytes are not 0";
    case FRAME_BAD_STREAM:
        return "stream id does not fit the frame type";
    case FRAME_BAD_LENGTH:
        return "payload length does not fit the frame type";
    case FRAME_BAD_CREDIT:
        return "credit out of range";
    }
    return "unknown frame result";
}
