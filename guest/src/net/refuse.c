#include "net/refuse.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include "net/bpf/program.h"
#include "net/bpf/steer.h"
#include "net/packet/address.h"
#include "net/packet/unreachable.h"
#include "net/udp.h"
#include "runtime/loop.h"
#include "runtime/util.h"

#ifndef IP_RECVORIGDSTADDR
#define IP_RECVORIGDSTADDR 20
#endif

/* Datagrams in one turn. Nobody waits for a sender that is faster: what overflows the socket is lost. */
#define MAX_DATAGRAMS 32

static struct loop_source datagrams;
static int raw = -1;

static bool find_destination(struct msghdr *message, struct sockaddr_in *destination)
{
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVORIGDSTADDR &&
            control->cmsg_len >= CMSG_LEN(sizeof *destination)) {
            memcpy(destination, CMSG_DATA(control), sizeof *destination);
            return true;
        }
    }
    return false;
}

static void refuse(struct msghdr *message, const struct sockaddr_in *sender, long datagram_bytes)
{
    uint8_t unreachable[NET_UNREACHABLE_BYTES];
    struct sockaddr_in destination;
    /* The destination of a raw socket has no port. */
    const struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = sender->sin_addr};
    if (!find_destination(message, &destination))
        return;
    net_unreachable_write(unreachable, sender, &destination, (uint16_t)datagram_bytes);
    /* Lost if it cannot be sent, as the kernel's own would be. */
    (void)RETRY_EINTR(
        sendto(raw, unreachable, sizeof unreachable, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to));
}

static void on_datagrams(struct loop_source *source, uint32_t events)
{
    (void)events;
    for (int i = 0; i < MAX_DATAGRAMS; i++) {
        struct sockaddr_in sender;
        union {
            struct cmsghdr header;
            uint8_t bytes[128];
        } control;
        uint8_t start;
        struct iovec data = {.iov_base = &start, .iov_len = sizeof start};
        struct msghdr message = {
            .msg_name = &sender,
            .msg_namelen = sizeof sender,
            .msg_iov = &data,
            .msg_iovlen = 1,
            .msg_control = &control,
            .msg_controllen = sizeof control,
        };
        /* MSG_TRUNC returns the whole length, though only one byte is read. */
        long count = RETRY_EINTR(recvmsg(source->fd, &message, MSG_TRUNC));
        if (count < 0)
            return;
        refuse(&message, &sender, count);
    }
}

bool net_refuse_start(struct failure *failure)
{
    raw = net_udp_open_raw(AF_INET, IPPROTO_ICMP);
    if (raw < 0)
        return failed(failure, "raw icmp socket");
    AUTO_CLOSE int fd = net_udp_open_bound(AF_INET, NET_REFUSED_PORT);
    if (fd < 0)
        return failed(failure, "socket of refused datagrams");
    datagrams = (struct loop_source){.fd = fd, .on_ready = on_datagrams};
    if (loop_add(&datagrams, EPOLLIN) != 0)
        return failed(failure, "watch refused datagrams");
    return net_steer_set_socket(NET_SOCKET_REFUSED_V4, take_fd(&fd), failure);
}
