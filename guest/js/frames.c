#include "frames.h"

#include <stdlib.h>
#include <sys/uio.h>

#include "runtime/util.h"

#define MAX_PARTS 64

/* False at the end of the input. */
static bool read_exactly(uint8_t *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        long count = RETRY_EINTR(read(STDIN_FILENO, bytes + done, length - done));
        if (count <= 0)
            return false;
        done += (size_t)count;
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

void frame_free(struct frame *frame)
{
    free(frame->payload);
    frame->payload = NULL;
}

static void write_all(struct iovec *vectors, int count)
{
    while (count > 0) {
        long written = RETRY_EINTR(writev(STDOUT_FILENO, vectors, count));
        if (written < 0)
            _exit(2);
        for (; count > 0 && (size_t)written >= vectors->iov_len; vectors++, count--)
            written -= (long)vectors->iov_len;
        if (count > 0) {
            vectors->iov_base = (uint8_t *)vectors->iov_base + written;
            vectors->iov_len -= (size_t)written;
        }
    }
}

void frame_write(uint8_t type, const struct frame_part *parts, size_t count)
{
    uint8_t header[FRAME_HEADER_BYTES] = {0};
    struct iovec vectors[MAX_PARTS + 1] = {{.iov_base = header, .iov_len = sizeof header}};
    size_t length = 0;
    for (size_t i = 0; i < count && i < MAX_PARTS; i++) {
        vectors[i + 1] = (struct iovec){.iov_base = (void *)(uintptr_t)parts[i].bytes, .iov_len = parts[i].length};
        length += parts[i].length;
    }
    store_u32(header, (uint32_t)length);
    header[4] = type;
    write_all(vectors, (int)count + 1);
}
