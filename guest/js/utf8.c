#include "utf8.h"

#include "runtime/util.h"
#include "value.h"

/* The length of the sequence that starts here, or 0 where none is valid: no overlong form, no surrogate, nothing above U+10FFFF. */
static size_t sequence_length(const uint8_t *bytes, size_t left)
{
    uint8_t first = bytes[0];
    uint8_t low = 0x80, high = 0xbf;
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > left)
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static bool is_valid(const uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t step = sequence_length(bytes + at, length - at);
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

JSValue utf8_decode(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    (void)this;
    const uint8_t *bytes = argc < 1 ? NULL : value_bytes(context, argv[0], &length);
    if (bytes == NULL || !is_valid(bytes, length))
        return JS_UNDEFINED;
    return JS_NewStringLen(context, (const char *)bytes, length);
}

JSValue utf8_encode(JSContext *context, JSValueConst this, int argc, JSValueConst *argv)
{
    size_t length;
    (void)this;
    const char *text = argc < 1 ? NULL : JS_ToCStringLen(context, &length, argv[0]);
    if (text == NULL)
        return JS_EXCEPTION;
    JSValue bytes = JS_NewArrayBufferCopy(context, (const uint8_t *)text, length);
    JS_FreeCString(context, text);
    return bytes;
}
