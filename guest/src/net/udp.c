#include "net/udp.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/uio.h>

#include "net/bpf/program.h"
#include "net/bpf/steer.h"
#include "net/route.h"
#include "runtime/util.h"

/* Missing where musl's headers are older than the kernel's. */
#ifndef IPV6_RECVORIGDSTADDR
#define IPV6_RECVORIGDSTADDR 74
#endif
#ifndef IP_RECVORIGDSTADDR
#define IP_RECVORIGDSTADDR 20
#endif

#define DNS_PORT 53
#define UDP_HEADER_BYTES 8
#define UDP_CHECKSUM_AT 6
#define TCP_CHECKSUM_AT 16

static struct {
    struct loop_source sources[2];
    unsigned source_count;
    /* Sends responses from any address and port 53, to which no socket is bound: the guest may want it for a server. */
    int raw_v4;
    int raw_v6;
} udp = {.raw_v4 = -1, .raw_v6 = -1};

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

int net_udp_open_raw(int family, int protocol)
{
    struct sock_filter nothing[] = {{.code = BPF_RET | BPF_K, .k = 0}};
    const struct sock_fprog filter = {.len = 1, .filter = nothing};
    AUTO_CLOSE int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0)
        return -1;
    if (!net_address_allow_any(fd, family))
        return -1;
    /* The kernel computes the checksum of ICMPv6 without being asked. */
    int checksum_at = protocol == IPPROTO_TCP ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT;
    if (family == AF_INET6 && protocol != IPPROTO_ICMPV6 && set(fd, IPPROTO_IPV6, IPV6_CHECKSUM, checksum_at) != 0)
        return -1;
    return take_fd(&fd);
}

int net_udp_open_bound(int family, uint16_t port)
{
    socklen_t length;
    union net_sockaddr address = net_server_sockaddr(family, &length);
    AUTO_CLOSE int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !net_address_allow_any(fd, family))
        return -1;
    int result = 0;
    if (family == AF_INET) {
        address.v4.sin_port = htons(port);
        result = set(fd, IPPROTO_IP, IP_RECVORIGDSTADDR, 1);
    } else {
        address.v6.sin6_port = htons(port);
        result = set(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, 1);
    }
    if (result != 0 || bind(fd, &address.any, length) != 0)
        return -1;
    return take_fd(&fd);
}

static bool open_family(int family, int *raw_fd, unsigned key,
                        void (*on_datagrams)(struct loop_source *source, uint32_t events), struct failure *failure)
{
    *raw_fd = net_udp_open_raw(family, IPPROTO_UDP);
    if (*raw_fd < 0)
        return failed(failure, "raw socket");
    AUTO_CLOSE int fd = net_udp_open_bound(family, NET_SERVER_PORT);
    if (fd < 0)
        return failed(failure, "udp socket");
    struct loop_source *source = &udp.sources[udp.source_count];
    *source = (struct loop_source){.fd = fd, .on_ready = on_datagrams};
    if (loop_add(source, EPOLLIN) != 0)
        return failed(failure, "watch udp socket");
    udp.source_count++;
    return net_steer_set_socket(key, take_fd(&fd), failure);
}

bool net_udp_start(void (*on_datagrams)(struct loop_source *source, uint32_t events), struct failure *failure)
{
    return open_family(AF_INET, &udp.raw_v4, NET_SOCKET_UDP_V4, on_datagrams, failure) &&
           (!net_route_has_v6() || open_family(AF_INET6, &udp.raw_v6, NET_SOCKET_UDP_V6, on_datagrams, failure));
}

static void note_peer(const union net_sockaddr *peer, struct net_query *query)
{
    if (peer->any.sa_family == AF_INET) {
        query->client = net_address_v4((const uint8_t *)&peer->v4.sin_addr);
        query->client_port = ntohs(peer->v4.sin_port);
    } else {
        query->client = net_address_v6((const uint8_t *)&peer->v6.sin6_addr);
        query->client_port = ntohs(peer->v6.sin6_port);
        query->client_scope = peer->v6.sin6_scope_id;
    }
}

static bool note_server(struct msghdr *message, struct net_query *query)
{
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
        union net_sockaddr address;
        size_t size = control->cmsg_len - CMSG_LEN(0);
        memset(&address, 0, sizeof address);
        memcpy(&address, CMSG_DATA(control), size < sizeof address ? size : sizeof address);
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVORIGDSTADDR) {
            query->server = net_address_v4((const uint8_t *)&address.v4.sin_addr);
            return true;
        }
        if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVORIGDSTADDR) {
            query->server = net_address_v6((const uint8_t *)&address.v6.sin6_addr);
            return true;
        }
    }
    return false;
}

long net_udp_receive(const struct loop_source *source, uint8_t *bytes, size_t capacity, struct net_query *query)
{
    union net_sockaddr peer;
    union {
        struct cmsghdr header;
        uint8_t bytes[256];
    } control;
    struct iovec data = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_name = &peer,
        .msg_namelen = sizeof peer,
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    long count = RETRY_EINTR(recvmsg(source->fd, &message, 0));
    if (count < 0)
        return -1;
    note_peer(&peer, query);
    return note_server(&message, query) && (message.msg_flags & MSG_TRUNC) == 0 ? count : 0;
}

/* Sets the source address of one datagram; returns the length of the control message. */
static size_t write_source(const struct net_query *query, struct cmsghdr *control)
{
    if (net_address_is_v4(&query->server)) {
        struct in_pktinfo information;
        memset(&information, 0, sizeof information);
        memcpy(&information.ipi_spec_dst, query->server.bytes + 12, 4);
        control->cmsg_level = IPPROTO_IP;
        control->cmsg_type = IP_PKTINFO;
        control->cmsg_len = CMSG_LEN(sizeof information);
        memcpy(CMSG_DATA(control), &information, sizeof information);
        return CMSG_SPACE(sizeof information);
    }
    struct in6_pktinfo information;
    memset(&information, 0, sizeof information);
    memcpy(&information.ipi6_addr, query->server.bytes, 16);
    control->cmsg_level = IPPROTO_IPV6;
    control->cmsg_type = IPV6_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof information);
    memcpy(CMSG_DATA(control), &information, sizeof information);
    return CMSG_SPACE(sizeof information);
}

/* The destination of a raw socket has no port. */
static union net_sockaddr client_address(const struct net_query *query, socklen_t *length)
{
    union net_sockaddr address;
    memset(&address, 0, sizeof address);
    if (net_address_is_v4(&query->client)) {
        address.v4.sin_family = AF_INET;
        memcpy(&address.v4.sin_addr, query->client.bytes + 12, 4);
        *length = sizeof address.v4;
    } else {
        address.v6.sin6_family = AF_INET6;
        memcpy(&address.v6.sin6_addr, query->client.bytes, 16);
        address.v6.sin6_scope_id = query->client_scope;
        *length = sizeof address.v6;
    }
    return address;
}

void net_udp_respond(const struct net_query *query, const uint8_t *message, size_t length)
{
    uint16_t header[UDP_HEADER_BYTES / 2] = {
        htons(DNS_PORT),
        htons(query->client_port),
        htons((uint16_t)(UDP_HEADER_BYTES + length)),
        /* IPv4 permits a datagram without a checksum; for IPv6 the kernel computes it. */
        0,
    };
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
    memset(&control, 0, sizeof control);
    struct iovec parts[] = {
        {.iov_base = header, .iov_len = sizeof header},
        {.iov_base = (void *)(uintptr_t)message, .iov_len = length},
    };
    socklen_t name_length;
    union net_sockaddr client = client_address(query, &name_length);
    const struct msghdr datagram = {
        .msg_name = &client,
        .msg_namelen = name_length,
        .msg_iov = parts,
        .msg_iovlen = ARRAY_LENGTH(parts),
        .msg_control = &control,
        .msg_controllen = write_source(query, &control.header),
    };
    int fd = net_address_is_v4(&query->client) ? udp.raw_v4 : udp.raw_v6;
    (void)RETRY_EINTR(sendmsg(fd, &datagram, MSG_NOSIGNAL));
}
