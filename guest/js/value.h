/* Arguments and results of host functions: JSON, or bytes as they are. */
#ifndef GONDOLIN_JS_VALUE_H
#define GONDOLIN_JS_VALUE_H

#include <stdbool.h>

#include "frames.h"
#include "quickjs.h"

#define VALUE_HEADER_BYTES 5

/* Grows with what is added; at most one frame. */
struct buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
};

bool buffer_add(struct buffer *buffer, const void *bytes, size_t length);
void buffer_free(struct buffer *buffer);

/* Adds u8 kind, u32 length, bytes. False with an exception, or without one where memory is out. */
bool value_encode(JSContext *context, JSValueConst value, struct buffer *buffer);

/* The bytes of a Uint8Array; NULL for anything else. */
const uint8_t *value_bytes(JSContext *context, JSValueConst value, size_t *length);

/* 0 for what is no array. */
uint32_t value_array_length(JSContext *context, JSValueConst array);

/* One value, which fills the bytes; a zero byte comes after them. An exception where it is broken. */
JSValue value_decode(JSContext *context, const uint8_t *bytes, size_t length);

#endif
