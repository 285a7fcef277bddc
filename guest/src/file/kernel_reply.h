/* Replies of the agent itself to requests of the kernel. */
#ifndef GONDOLIN_KERNEL_REPLY_H
#define GONDOLIN_KERNEL_REPLY_H

#include <linux/fuse.h>
#include <stddef.h>
#include <stdint.h>

/* Replies on /dev/fuse with a negative error, or with 0 and a body. Does nothing when the request was interrupted. */
void kernel_reply(int device_fd, uint64_t unique, int32_t error, const void *body, size_t length);

/* Replies to a READ with the part that it asks for of a whole file of `length` bytes. */
void kernel_reply_read(int device_fd, uint64_t unique, const struct fuse_read_in *asked, const uint8_t *file,
                       size_t length);

#endif
