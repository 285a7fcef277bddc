#include "net/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "runtime/util.h"

void *netlink_begin(union netlink_request *request, uint16_t type, uint16_t flags, size_t size)
{
    memset(request, 0, sizeof *request);
    request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
    request->header.nlmsg_type = type;
    request->header.nlmsg_flags = NLM_F_REQUEST | flags;
    return NLMSG_DATA(&request->header);
}

void netlink_add(union netlink_request *request, uint16_t type, const void *bytes, size_t size)
{
    size_t start = NLMSG_ALIGN(request->header.nlmsg_len);
    /* Requests are built from constants only: one that does not fit is not sent. */
    if (start + RTA_LENGTH(size) > sizeof request->bytes) {
        request->header.nlmsg_len = UINT32_MAX;
        return;
    }
    const struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = type};
    memcpy(request->bytes + start, &attribute, sizeof attribute);
    memcpy(request->bytes + start + RTA_LENGTH(0), bytes, size);
    request->header.nlmsg_len = (uint32_t)(start + RTA_LENGTH(size));
}

void netlink_add_u32(union netlink_request *request, uint16_t type, uint32_t value)
{
    netlink_add(request, type, &value, sizeof value);
}

int netlink_open(uint32_t groups, int flags)
{
    const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    return take_fd(&fd);
}

int netlink_call(int fd, union netlink_request *request)
{
    union {
        struct nlmsghdr header;
        uint8_t bytes[1024];
    } reply;
    if (request->header.nlmsg_len > sizeof request->bytes) {
        errno = EMSGSIZE;
        return -1;
    }
    request->header.nlmsg_flags |= NLM_F_ACK;
    if (RETRY_EINTR(send(fd, request->bytes, request->header.nlmsg_len, 0)) < 0)
        return -1;
    long count = RETRY_EINTR(recv(fd, reply.bytes, sizeof reply.bytes, 0));
    if (count < 0)
        return -1;
    struct nlmsgerr error;
    if ((size_t)count < NLMSG_LENGTH(sizeof error) || reply.header.nlmsg_type != NLMSG_ERROR) {
        errno = EPROTO;
        return -1;
    }
    memcpy(&error, NLMSG_DATA(&reply.header), sizeof error);
    errno = -error.error;
    return error.error == 0 ? 0 : -1;
}
