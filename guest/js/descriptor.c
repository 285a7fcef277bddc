#include "descriptor.h"

#include <sys/socket.h>

#include "runtime/util.h"

union control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

bool send_descriptor(int socket, const void *message, size_t length, int fd)
{
    union control control = {0};
    struct iovec vector = {.iov_base = (void *)(uintptr_t)message, .iov_len = length};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    if (fd >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        struct cmsghdr *part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(part), &fd, sizeof fd);
    }
    return RETRY_EINTR(sendmsg(socket, &header, MSG_NOSIGNAL)) == (long)length;
}

bool receive_descriptor(int socket, void *message, size_t length, int *fd)
{
    union control control = {0};
    struct iovec vector = {.iov_base = message, .iov_len = length};
    struct msghdr header = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    *fd = -1;
    if (RETRY_EINTR(recvmsg(socket, &header, MSG_CMSG_CLOEXEC)) != (long)length)
        return false;
    struct cmsghdr *part = CMSG_FIRSTHDR(&header);
    if (part != NULL && part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS &&
        part->cmsg_len == CMSG_LEN(sizeof *fd))
        memcpy(fd, CMSG_DATA(part), sizeof *fd);
    return true;
}
