/* Frames of the control port: pure decoder and encoder, no I/O. Layout: docs/protocol.md, "Frame". */
#ifndef GONDOLIN_FRAME_H
#define GONDOLIN_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

enum frame_result {
    FRAME_OK = 0,
    FRAME_INCOMPLETE,
    FRAME_BAD_TYPE,
    FRAME_BAD_FLAGS,
    FRAME_BAD_STREAM,
    FRAME_BAD_LENGTH,
    FRAME_BAD_CREDIT,
};

struct frame {
    uint8_t type;
    uint32_t stream;
    /* Points into the caller's bytes. */
    const uint8_t *payload;
    uint32_t length;
};

/*
 * Decodes the first frame of `count` bytes that the host sent. On FRAME_OK `*size` is the size of the whole frame in
 * bytes; on FRAME_INCOMPLETE it is the least number of bytes that the frame needs, 12..4,194,316. Any other result is a
 * broken rule.
 */
enum frame_result frame_decode(const uint8_t *bytes, size_t count, struct frame *frame, size_t *size);

/* Writes the 12 header bytes of a frame with `length` payload bytes. */
void frame_encode_header(uint8_t *bytes, uint8_t type, uint32_t stream, uint32_t length);

const char *frame_strerror(enum frame_result result);

#endif
