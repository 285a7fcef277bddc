#include "channel/wire.h"

#include "runtime/util.h"

void wire_reader_init(struct wire_reader *reader, const uint8_t *bytes, size_t count)
{
    *reader = (struct wire_reader){.bytes = bytes, .left = count};
}

static const uint8_t *take(struct wire_reader *reader, size_t count)
{
    if (reader->failed || count > reader->left) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->bytes;
    reader->bytes += count;
    reader->left -= count;
    return bytes;
}

uint8_t wire_read_u8(struct wire_reader *reader)
{
    const uint8_t *bytes = take(reader, 1);
    return bytes == NULL ? 0 : bytes[0];
}

uint16_t wire_read_u16(struct wire_reader *reader)
{
    const uint8_t *bytes = take(reader, 2);
    return bytes == NULL ? 0 : load_u16(bytes);
}

uint32_t wire_read_u32(struct wire_reader *reader)
{
    const uint8_t *bytes = take(reader, 4);
    return bytes == NULL ? 0 : load_u32(bytes);
}

uint64_t wire_read_u64(struct wire_reader *reader)
{
    const uint8_t *bytes = take(reader, 8);
    return bytes == NULL ? 0 : load_u64(bytes);
}

struct wire_string wire_read_bytes(struct wire_reader *reader, uint32_t max)
{
    struct wire_string string = {0};
    uint32_t length = wire_read_u32(reader);
    if (length > max)
        reader->failed = true;
    string.bytes = take(reader, length);
    if (string.bytes != NULL)
        string.length = length;
    return string;
}

char *wire_read_string(struct wire_reader *reader, uint32_t max)
{
    struct wire_string string = wire_read_bytes(reader, max);
    if (string.bytes == NULL || memchr(string.bytes, 0, string.length) != NULL) {
        reader->failed = true;
        return NULL;
    }
    char *copy = malloc((size_t)string.length + 1);
    if (copy == NULL) {
        reader->failed = true;
        return NULL;
    }
    memcpy(copy, string.bytes, string.length);
    copy[string.length] = '\0';
    return copy;
}

/* First pass over a list: checks every item and adds up the text bytes, NULs included. */
static size_t measure_list(struct wire_reader reader, uint32_t items, bool *failed)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < items && !reader.failed; i++) {
        struct wire_string string = wire_read_bytes(&reader, UINT32_MAX);
        if (string.bytes == NULL || memchr(string.bytes, 0, string.length) != NULL)
            reader.failed = true;
        bytes += (size_t)string.length + 1;
    }
    *failed = reader.failed;
    return bytes;
}

char **wire_read_list(struct wire_reader *reader, uint32_t max_items, size_t *count)
{
    *count = 0;
    uint32_t items = wire_read_u32(reader);
    /* An item has at least its 4 length bytes, so a larger count is a lie: refused before it becomes an allocation. */
    if (reader->failed || items > max_items || items > reader->left / 4) {
        reader->failed = true;
        return NULL;
    }
    size_t text_bytes = measure_list(*reader, items, &reader->failed);
    if (reader->failed)
        return NULL;
    size_t table_bytes = ((size_t)items + 1) * sizeof(char *);
    char **list = malloc(table_bytes + text_bytes);
    if (list == NULL) {
        reader->failed = true;
        return NULL;
    }
    char *text = (char *)(list + items + 1);
    for (uint32_t i = 0; i < items; i++) {
        struct wire_string string = wire_read_bytes(reader, UINT32_MAX);
        memcpy(text, string.bytes, string.length);
        text[string.length] = '\0';
        list[i] = text;
        text += (size_t)string.length + 1;
    }
    list[items] = NULL;
    *count = items;
    return list;
}

bool wire_reader_done(const struct wire_reader *reader)
{
    return !reader->failed && reader->left == 0;
}

void wire_writer_init(struct wire_writer *writer, uint8_t *bytes, size_t capacity)
{
    *writer = (struct wire_writer){.bytes = bytes, .capacity = capacity};
}

static uint8_t *reserve(struct wire_writer *writer, size_t count)
{
    if (writer->failed || count > writer->capacity - writer->length) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *bytes = writer->bytes + writer->length;
    writer->length += count;
    return bytes;
}

void wire_write_u8(struct wire_writer *writer, uint8_t value)
{
    uint8_t *bytes = reserve(writer, 1);
    if (bytes != NULL)
        bytes[0] = value;
}

void wire_write_u16(struct wire_writer *writer, uint16_t value)
{
    uint8_t *bytes = reserve(writer, 2);
    if (bytes != NULL)
        store_u16(bytes, value);
}

void wire_write_u32(struct wire_writer *writer, uint32_t value)
{
    uint8_t *bytes = reserve(writer, 4);
    if (bytes != NULL)
        store_u32(bytes, value);
}

void wire_write_u64(struct wire_writer *writer, uint64_t value)
{
    wire_write_u32(writer, (uint32_t)value);
    wire_write_u32(writer, (uint32_t)(value >> 32));
}

void wire_write_string(struct wire_writer *writer, const char *text, size_t max)
{
    size_t length = strnlen(text, max);
    wire_write_u32(writer, (uint32_t)length);
    uint8_t *bytes = reserve(writer, length);
    if (bytes != NULL)
        memcpy(bytes, text, length);
}
