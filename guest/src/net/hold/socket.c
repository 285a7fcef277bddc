#include "net/hold/socket.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/bpf/bpf.h"
#include "net/bpf/program.h"
#include "net/bpf/steer.h"
#include "net/route.h"
#include "net/udp.h"
#include "runtime/util.h"

static struct {
    int tcp_v4;
    int tcp_v6;
    int icmp_v4;
    int icmp_v6;
} raw = {.tcp_v4 = -1, .tcp_v6 = -1, .icmp_v4 = -1, .icmp_v6 = -1};

/* `from` and `to` are addresses of the SYN; if `from` is NULL, an address of the guest is used. */
static void send_segment(int fd, bool is_v4, const uint8_t *from, const uint8_t *to, const uint8_t *bytes,
                         size_t length)
{
    union net_sockaddr name;
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
    struct iovec data = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    struct msghdr message = {.msg_name = &name, .msg_iov = &data, .msg_iovlen = 1};
    memset(&name, 0, sizeof name);
    memset(&control, 0, sizeof control);
    /* The destination of a raw socket has no port. */
    if (is_v4) {
        struct in_pktinfo source = {.ipi_ifindex = 0};
        name.v4.sin_family = AF_INET;
        memcpy(&name.v4.sin_addr, to, 4);
        message.msg_namelen = sizeof name.v4;
        if (from != NULL) {
            memcpy(&source.ipi_spec_dst, from, 4);
            control.header = (struct cmsghdr){
                .cmsg_len = CMSG_LEN(sizeof source), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
            memcpy(CMSG_DATA(&control.header), &source, sizeof source);
            message.msg_controllen = CMSG_SPACE(sizeof source);
        }
    } else {
        struct in6_pktinfo source = {.ipi6_ifindex = 0};
        name.v6.sin6_family = AF_INET6;
        memcpy(&name.v6.sin6_addr, to, 16);
        message.msg_namelen = sizeof name.v6;
        if (from != NULL) {
            memcpy(&source.ipi6_addr, from, 16);
            control.header = (struct cmsghdr){
                .cmsg_len = CMSG_LEN(sizeof source), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO};
            memcpy(CMSG_DATA(&control.header), &source, sizeof source);
            message.msg_controllen = CMSG_SPACE(sizeof source);
        }
    }
    message.msg_control = message.msg_controllen == 0 ? NULL : &control;
    (void)RETRY_EINTR(sendmsg(fd, &message, MSG_NOSIGNAL));
}

void net_hold_send_syn(const struct net_syn *syn)
{
    uint8_t bytes[NET_SEGMENT_MAX_BYTES];
    bool is_v4 = syn->family == 4;
    size_t length = net_segment_syn(syn, bytes);
    send_segment(is_v4 ? raw.tcp_v4 : raw.tcp_v6, is_v4, syn->source, syn->destination, bytes, length);
}

void net_hold_send_reset(const struct net_syn *syn)
{
    uint8_t bytes[NET_SEGMENT_MAX_BYTES];
    bool is_v4 = syn->family == 4;
    size_t length = net_segment_reset(syn, bytes);
    send_segment(is_v4 ? raw.tcp_v4 : raw.tcp_v6, is_v4, syn->destination, syn->source, bytes, length);
}

void net_hold_send_unreachable(const struct net_syn *syn, enum net_unreachable what)
{
    uint8_t bytes[NET_SEGMENT_MAX_BYTES];
    bool is_v4 = syn->family == 4;
    size_t length = net_segment_unreachable(syn, what, bytes);
    send_segment(is_v4 ? raw.icmp_v4 : raw.icmp_v6, is_v4, NULL, syn->source, bytes, length);
}

static bool open_listener(int family, unsigned key, int filter, struct failure *failure)
{
    socklen_t length;
    union net_sockaddr address = net_server_sockaddr(family, &length);
    AUTO_CLOSE int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !net_address_allow_any(fd, family))
        return failed(failure, "socket of held connections");
    if (family == AF_INET)
        address.v4.sin_port = htons(NET_HELD_PORT);
    else
        address.v6.sin6_port = htons(NET_HELD_PORT);
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &filter, sizeof filter) != 0)
        return failed(failure, "filter of held connections");
    /* No connection is ever accepted here. */
    if (bind(fd, &address.any, length) != 0 || listen(fd, 1) != 0)
        return failed(failure, "listener of held connections");
    return net_steer_set_socket(key, take_fd(&fd), failure);
}

static bool open_raw(int family, int *tcp, int *icmp, struct failure *failure)
{
    *tcp = net_udp_open_raw(family, IPPROTO_TCP);
    *icmp = net_udp_open_raw(family, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
    return (*tcp >= 0 && *icmp >= 0) || failed(failure, "raw sockets of held connections");
}

bool net_hold_open_sockets(int ring_fd, struct failure *failure)
{
    struct bpf_insn program[NET_HOLD_PROGRAM_MAX_INSTRUCTIONS];
    size_t length = net_hold_program_assemble(program, ring_fd);
    /* The listeners keep the filter loaded. */
    AUTO_CLOSE int filter = net_bpf_load(BPF_PROG_TYPE_SOCKET_FILTER, 0, program, length);
    if (filter < 0)
        return failed(failure, "bpf filter");
    if (!open_raw(AF_INET, &raw.tcp_v4, &raw.icmp_v4, failure) ||
        !open_listener(AF_INET, NET_SOCKET_HELD_V4, filter, failure))
        return false;
    return !net_route_has_v6() || (open_raw(AF_INET6, &raw.tcp_v6, &raw.icmp_v6, failure) &&
                                   open_listener(AF_INET6, NET_SOCKET_HELD_V6, filter, failure));
}
