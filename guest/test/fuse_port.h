#ifndef GONDOLIN_TEST_FUSE_PORT_H
#define GONDOLIN_TEST_FUSE_PORT_H

/* Lets a hostile root of the guest send file requests of its own, once it has stopped the agent. */
#include <stddef.h>

#include <linux/fuse.h>

#include "agent_port.h"
#include "protocol.h"

/* Far above the numbers that the agent's kernel has used. */
#define FIRST_UNIQUE 1000000000ULL

static uint8_t reply[GONDOLIN_MAX_FUSE_MESSAGE_BYTES];

static inline size_t put_request(uint8_t *bytes, uint32_t opcode, uint64_t node, const void *body, size_t count)
{
    static uint64_t unique = FIRST_UNIQUE;
    struct fuse_in_header header = {.len = (uint32_t)(sizeof header + count), .opcode = opcode, .nodeid = node};
    header.unique = ++unique;
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + sizeof header, body, count);
    return header.len;
}

static inline void read_all(int fd, uint8_t *bytes, size_t count)
{
    while (count > 0) {
        long taken = read(fd, bytes, count);
        if (taken > 0) {
            bytes += taken;
            count -= (size_t)taken;
        } else {
            (void)usleep(1000);
        }
    }
}

/*
 * Sends one request and waits for its reply, whose body is in `reply` then and `length` bytes long. Returns the error, 0 for
 * success. Replies to the agent's own requests, and notifications, are dropped.
 */
static inline int exchange(int fd, uint32_t opcode, uint64_t node, const void *body, size_t count, size_t *length)
{
    uint8_t request[1024];
    struct fuse_out_header header;
    send_all(fd, request, put_request(request, opcode, node, body, count));
    do {
        read_all(fd, (uint8_t *)&header, sizeof header);
        if (header.len < sizeof header || header.len > sizeof reply)
            die("reply");
        read_all(fd, reply, header.len - sizeof header);
    } while (header.unique < FIRST_UNIQUE);
    if (length != NULL)
        *length = header.len - sizeof header;
    return -header.error;
}

#endif
