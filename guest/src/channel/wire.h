/* Bounds-checked reading and writing of message bodies: integers, strings, lists. Pure, no I/O. */
#ifndef GONDOLIN_WIRE_H
#define GONDOLIN_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads forward; the first read past the end sets `failed`, and every later read returns 0 or NULL. */
struct wire_reader {
    const uint8_t *bytes;
    size_t left;
    bool failed;
};

struct wire_string {
    const uint8_t *bytes;
    uint32_t length;
};

void wire_reader_init(struct wire_reader *reader, const uint8_t *bytes, size_t count);
uint8_t wire_read_u8(struct wire_reader *reader);
uint16_t wire_read_u16(struct wire_reader *reader);
uint32_t wire_read_u32(struct wire_reader *reader);
uint64_t wire_read_u64(struct wire_reader *reader);

/* Reads any bytes, at most `max` of them. */
struct wire_string wire_read_bytes(struct wire_reader *reader, uint32_t max);

/* Reads a string without NUL bytes and copies it with a NUL at its end (malloc); NULL if the reader failed. */
char *wire_read_string(struct wire_reader *reader, uint32_t max);

/*
 * Reads a NULL-terminated list of strings into one malloc'ed block (free() the list only); NULL if the reader failed.
 */
char **wire_read_list(struct wire_reader *reader, uint32_t max_items, size_t *count);

/* Returns true if every byte was read and nothing failed. */
bool wire_reader_done(const struct wire_reader *reader);

/* Appends to a fixed buffer; a write that does not fit sets `failed`. */
struct wire_writer {
    uint8_t *bytes;
    size_t capacity;
    size_t length;
    bool failed;
};

void wire_writer_init(struct wire_writer *writer, uint8_t *bytes, size_t capacity);
void wire_write_u8(struct wire_writer *writer, uint8_t value);
void wire_write_u16(struct wire_writer *writer, uint16_t value);
void wire_write_u32(struct wire_writer *writer, uint32_t value);
void wire_write_u64(struct wire_writer *writer, uint64_t value);

/* Writes at most `max` bytes of `text` and drops the rest. */
void wire_write_string(struct wire_writer *writer, const char *text, size_t max);

#endif
