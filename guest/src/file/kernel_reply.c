#include "file/kernel_reply.h"

#include <sys/uio.h>

#include "runtime/util.h"

void kernel_reply(int device_fd, uint64_t unique, int32_t error, const void *body, size_t length)
{
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + length), .error = error, .unique = unique};
    const struct iovec parts[] = {
        {.iov_base = &header, .iov_len = sizeof header},
        {.iov_base = (void *)(uintptr_t)body, .iov_len = length},
    };
    /* ENOENT: the request was interrupted, and nobody waits for the reply. */
    (void)RETRY_EINTR(writev(device_fd, parts, length > 0 ? 2 : 1));
}

void kernel_reply_read(int device_fd, uint64_t unique, const struct fuse_read_in *asked, const uint8_t *file,
                       size_t length)
{
    const size_t left = asked->offset < length ? length - (size_t)asked->offset : 0;
    kernel_reply(device_fd, unique, 0, file + (length - left), left < asked->size ? left : asked->size);
}
