/* The parts of a request of the kernel that several modules read or write. */
#ifndef GONDOLIN_FUSE_BODY_H
#define GONDOLIN_FUSE_BODY_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Offset of a request's body. */
#define FUSE_BODY_AT sizeof(struct fuse_in_header)
/* Bits in the padding of a WRITE: what the agent has replied with itself since the one before. */
#define FUSE_USED_ATTRIBUTES 1U
#define FUSE_USED_DATA 2U

/* Copies the first `size` bytes of a body. Returns false for a request that is shorter. */
static inline bool fuse_body(const uint8_t *request, size_t length, void *body, size_t size)
{
    if (length < FUSE_BODY_AT + size)
        return false;
    memcpy(body, request + FUSE_BODY_AT, size);
    return true;
}

#endif
