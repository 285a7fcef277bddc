/* Feeds random and mutated bytes to the decoders, under ASan and UBSan: `fuzz ROUNDS SEED`. Any finding aborts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "channel/frame.h"
#include "channel/message.h"
#include "files/request.h"
#include "net/packet/record.h"
#include "runtime/util.h"

#define INPUT_BYTES 512

static uint64_t state;

/* xorshift64*: the same numbers on every machine. */
static uint32_t next_random(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545f4914f6cdd1dULL) >> 32);
}

/* Resembles a message of some type, so that the decoders get past the first bytes. */
static void shape(uint8_t *bytes, size_t count)
{
    if (count < 16)
        return;
    if (next_random() % 2 == 0) {
        store_u32(bytes, next_random() % (uint32_t)count);
        bytes[4] = (uint8_t)(next_random() % 8);
        bytes[5] = 0;
        store_u16(bytes + 6, 0);
        store_u32(bytes + 8, next_random() % 4);
        return;
    }
    store_u16(bytes, (uint16_t)(next_random() % 15));
    store_u16(bytes + 2, 0);
    for (size_t at = 8; at + 4 < count; at += 4 + next_random() % 9)
        store_u32(bytes + at, next_random() % 16);
}

/* In pieces of any size; a record must lie within the bytes that were fed. */
static void try_records(const uint8_t *bytes, size_t count)
{
    static struct net_record_reader reader;
    reader.length = 0;
    size_t taken = 0;
    while (count > 0) {
        struct net_record record;
        size_t piece = 1 + next_random() % count;
        count -= piece;
        taken += piece;
        enum net_record_result result;
        while ((result = net_record_read(&reader, &bytes, &piece, &record)) == NET_RECORD_WHOLE) {
            if (record.length + GONDOLIN_DNS_HEADER_BYTES > taken)
                abort();
        }
        if (result == NET_RECORD_BAD)
            return;
        if (piece != 0)
            abort();
    }
}

/* Resembles a request of some operation, of the length of the bytes. */
static void shape_files(uint8_t *bytes, size_t count)
{
    if (count < GONDOLIN_FILES_REQUEST_HEADER_BYTES || next_random() % 4 == 0)
        return;
    store_u32(bytes, (uint32_t)count - 4 - (next_random() % 8 == 0));
    bytes[8] = (uint8_t)(next_random() % 19);
    for (size_t at = GONDOLIN_FILES_REQUEST_HEADER_BYTES; at + 4 < count; at += 1 + next_random() % 9)
        store_u32(bytes + at, next_random() % 16);
}

/* A request must lie within the bytes, and its texts must end. */
static void try_files(uint8_t *bytes, size_t count)
{
    static struct files_request request;
    size_t size = 0;
    shape_files(bytes, count);
    if (files_decode(bytes, count, &request, &size) != FILES_WHOLE)
        return;
    if (size > count || request.handle >= GONDOLIN_MAX_FILES_HANDLES || strlen(request.path) >= sizeof request.path)
        abort();
    if (request.data.length > 0 && request.data.bytes + request.data.length > bytes + count)
        abort();
}

static void try_decoders(const uint8_t *bytes, size_t count)
{
    struct frame frame;
    struct message message;
    size_t size;
    if (frame_decode(bytes, count, &frame, &size) == FRAME_OK && size > count)
        abort();
    (void)message_decode(bytes, count, &message);
    message_free(&message);
    try_records(bytes, count);
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    (void)printf("guest fuzz: %lu rounds, seed %lu\n", rounds, seed);
    state = seed * 2 + 1;
    for (unsigned long round = 0; round < rounds; round++) {
        size_t count = next_random() % INPUT_BYTES;
        /* An allocation of the exact size, so that ASan sees a read one byte too far. */
        uint8_t *bytes = malloc(count == 0 ? 1 : count);
        if (bytes == NULL)
            return 1;
        for (size_t at = 0; at < count; at++)
            bytes[at] = (uint8_t)next_random();
        if (next_random() % 4 != 0)
            shape(bytes, count);
        try_decoders(bytes, count);
        try_files(bytes, count);
        free(bytes);
    }
    return 0;
}
