#include "value.h"

#include "runtime/util.h"

bool buffer_add(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length > FRAME_MAX_BYTES - buffer->length)
        return false;
    if (buffer->capacity - buffer->length < length) {
        size_t capacity = 2 * (buffer->length + length) + 256;
        uint8_t *grown = realloc(buffer->bytes, capacity);
        if (grown == NULL)
            return false;
        buffer->bytes = grown;
        buffer->capacity = capacity;
    }
    memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    return true;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}

static bool add_value(struct buffer *buffer, enum value_kind kind, const void *bytes, size_t length)
{
    uint8_t header[VALUE_HEADER_BYTES] = {(uint8_t)kind};
    if (length > FRAME_MAX_BYTES)
        return false;
    store_u32(header + 1, (uint32_t)length);
    return buffer_add(buffer, header, sizeof header) && buffer_add(buffer, bytes, length);
}

/* Class of every Uint8Array, whatever its prototype says. */
static JSClassID bytes_class(JSContext *context)
{
    static JSClassID class_id;
    if (class_id == 0) {
        JSValueConst arguments[] = {JS_UNDEFINED, JS_UNDEFINED, JS_UNDEFINED};
        JSValue array = JS_NewTypedArray(context, 3, arguments, JS_TYPED_ARRAY_UINT8);
        class_id = JS_GetClassID(array);
        JS_FreeValue(context, array);
    }
    return class_id;
}

const uint8_t *value_bytes(JSContext *context, JSValueConst value, size_t *length)
{
    size_t offset, size;
    if (!JS_IsObject(value) || JS_GetClassID(value) != bytes_class(context))
        return NULL;
    JSValue buffer = JS_GetTypedArrayBuffer(context, value, &offset, length, NULL);
    const uint8_t *bytes = JS_IsException(buffer) ? NULL : JS_GetArrayBuffer(context, &size, buffer);
    JS_FreeValue(context, buffer);
    if (bytes == NULL)
        JS_FreeValue(context, JS_GetException(context));
    return bytes == NULL ? NULL : bytes + offset;
}

bool value_encode(JSContext *context, JSValueConst value, struct buffer *buffer)
{
    size_t length;
    const uint8_t *bytes = value_bytes(context, value, &length);
    if (bytes != NULL)
        return add_value(buffer, VALUE_BYTES, bytes, length);
    JSValue json = JS_JSONStringify(context, value, JS_UNDEFINED, JS_UNDEFINED);
    if (JS_IsException(json))
        return false;
    const char *text = JS_IsUndefined(json) ? NULL : JS_ToCStringLen(context, &length, json);
    JS_FreeValue(context, json);
    if (text == NULL)
        return !JS_HasException(context) && add_value(buffer, VALUE_UNDEFINED, "", 0);
    bool is_added = add_value(buffer, VALUE_JSON, text, length);
    JS_FreeCString(context, text);
    return is_added;
}

JSValue value_decode(JSContext *context, const uint8_t *bytes, size_t length)
{
    if (length < VALUE_HEADER_BYTES || load_u32(bytes + 1) != length - VALUE_HEADER_BYTES)
        return JS_ThrowInternalError(context, "a value of the host is broken");
    const uint8_t *content = bytes + VALUE_HEADER_BYTES;
    length -= VALUE_HEADER_BYTES;
    if (bytes[0] == VALUE_UNDEFINED)
        return JS_UNDEFINED;
    if (bytes[0] == VALUE_JSON)
        return JS_ParseJSON(context, (const char *)content, length, "host");
    JSValue buffer = JS_NewArrayBufferCopy(context, content, length);
    if (JS_IsException(buffer))
        return buffer;
    JSValueConst arguments[] = {buffer, JS_UNDEFINED, JS_UNDEFINED};
    JSValue array = JS_NewTypedArray(context, 3, arguments, JS_TYPED_ARRAY_UINT8);
    JS_FreeValue(context, buffer);
    return array;
}

uint32_t value_array_length(JSContext *context, JSValueConst array)
{
    uint32_t length = 0;
    if (!JS_IsArray(context, array))
        return 0;
    JSValue value = JS_GetPropertyStr(context, array, "length");
    (void)JS_ToUint32(context, &length, value);
    JS_FreeValue(context, value);
    return length;
}
