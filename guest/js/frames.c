#include "frames.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/util.h"

/* As much as a port takes at once. */
#define BUFFER_BYTES 32768
#define UNCONNECTED_PAUSE_NS 2000000L

static bool is_port;

void frames_init(bool is_of_port)
{
    is_port = is_of_port;
}

bool frames_have_port(void)
{
    return is_port;
}

/* False at the end of the input. */
static bool read_exactly(uint8_t *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        long count = RETRY_EINTR(read(STDIN_FILENO, bytes + done, length - done));
        if (count > 0) {
            done += (size_t)count;
        } else if (count == 0 && is_port) {
            const struct timespec pause = {.tv_nsec = UNCONNECTED_PAUSE_NS};
            (void)nanosleep(&pause, NULL);
        } else {
            return false;
        }
    }
    return true;
}

bool frame_read(struct frame *frame)
{
    uint8_t header[FRAME_HEADER_BYTES];
    if (!read_exactly(header, sizeof header))
        return false;
    frame->length = load_u32(header);
    frame->type = header[4];
    if (frame->length > FRAME_MAX_BYTES)
        _exit(2);
    frame->payload = malloc(frame->length + 1);
    if (frame->payload == NULL)
        _exit(3);
    frame->payload[frame->length] = 0;
    return read_exactly(frame->payload, frame->length);
}

bool frame_read_u32(uint8_t type, uint32_t *value)
{
    uint8_t bytes[FRAME_HEADER_BYTES + sizeof *value];
    if (!read_exactly(bytes, sizeof bytes))
        return false;
    if (load_u32(bytes) != sizeof *value || bytes[4] != type)
        _exit(2);
    *value = load_u32(bytes + FRAME_HEADER_BYTES);
    return true;
}

void frame_free(struct frame *frame)
{
    free(frame->payload);
    frame->payload = NULL;
}

static void write_all(const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        long written = RETRY_EINTR(write(STDOUT_FILENO, bytes, length));
        if (written < 0)
            _exit(2);
        bytes += written;
        length -= (size_t)written;
    }
}

/* Joined: each write to a port is a message of its own to the machine's host, which costs more than the copy. */
void frame_write(uint8_t type, const struct frame_part *parts, size_t count)
{
    static uint8_t buffer[BUFFER_BYTES];
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    memset(buffer, 0, FRAME_HEADER_BYTES);
    store_u32(buffer, (uint32_t)length);
    buffer[4] = type;
    size_t used = FRAME_HEADER_BYTES;
    for (size_t i = 0; i < count; i++) {
        for (size_t done = 0; done < parts[i].length;) {
            size_t left = parts[i].length - done;
            size_t part = left < BUFFER_BYTES - used ? left : BUFFER_BYTES - used;
            memcpy(buffer + used, (const uint8_t *)parts[i].bytes + done, part);
            done += part;
            used += part;
            if (used == BUFFER_BYTES) {
                write_all(buffer, used);
                used = 0;
            }
        }
    }
    write_all(buffer, used);
}
