/* Requests to the kernel's routing, one at a time over one socket. */
#ifndef GONDOLIN_NET_NETLINK_H
#define GONDOLIN_NET_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_REQUEST_BYTES 256

/* A request under construction: the header, a fixed part, attributes. */
union netlink_request {
    struct nlmsghdr header;
    uint8_t bytes[NETLINK_REQUEST_BYTES];
};

/* Starts a request; returns its fixed part of `size` zero bytes. */
void *netlink_begin(union netlink_request *request, uint16_t type, uint16_t flags, size_t size);
void netlink_add(union netlink_request *request, uint16_t type, const void *bytes, size_t size);
void netlink_add_u32(union netlink_request *request, uint16_t type, uint32_t value);

/* Opens a socket for requests that also receives `groups` (RTMGRP_…); -1 with errno. */
int netlink_open(uint32_t groups, int flags);

/* Sends a request and waits for its acknowledgement. 0, or -1 with the kernel's errno. */
int netlink_call(int fd, union netlink_request *request);

#endif
