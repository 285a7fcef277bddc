#include "net/local_addresses.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "net/bpf/steer.h"
#include "net/netlink.h"
#include "net/packet/address.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/util.h"

#define BUFFER_BYTES 32768

static struct loop_source changes;

static int ask_for_all(int fd)
{
    union netlink_request request;
    struct ifaddrmsg *address = netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof *address);
    address->ifa_family = AF_UNSPEC;
    return RETRY_EINTR(send(fd, request.bytes, request.header.nlmsg_len, 0)) < 0 ? -1 : 0;
}

static void note(const struct nlmsghdr *message)
{
    struct ifaddrmsg fixed;
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof fixed))
        return;
    memcpy(&fixed, NLMSG_DATA(message), sizeof fixed);
    size_t size = fixed.ifa_family == AF_INET ? 4 : 16;
    /* The own end of the link; IPv6 has IFA_ADDRESS only, unless the link is point-to-point. */
    const uint8_t *own = NULL;
    int left = (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof fixed));
    for (const struct rtattr *attribute = IFA_RTA(NLMSG_DATA(message)); RTA_OK(attribute, left);
         attribute = RTA_NEXT(attribute, left)) {
        bool is_wanted = attribute->rta_type == IFA_LOCAL || (attribute->rta_type == IFA_ADDRESS && own == NULL);
        if (is_wanted && RTA_PAYLOAD(attribute) >= size)
            own = RTA_DATA(attribute);
    }
    if (own == NULL || (fixed.ifa_family != AF_INET && fixed.ifa_family != AF_INET6))
        return;
    struct net_address address = size == 4 ? net_address_v4(own) : net_address_v6(own);
    if (net_steer_set_own(&address, message->nlmsg_type == RTM_NEWADDR) != 0)
        log_warning("cannot update an own address: %s", strerror(errno));
}

static void on_change(struct loop_source *source, uint32_t events)
{
    static uint8_t buffer[BUFFER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
    (void)events;
    for (;;) {
        long count = RETRY_EINTR(recv(source->fd, buffer, sizeof buffer, 0));
        if (count < 0 && errno == ENOBUFS) {
            /*
             * Some messages were lost: requests the present addresses again. A lost removal only keeps an address too
             * long.
             */
            (void)ask_for_all(source->fd);
            continue;
        }
        if (count <= 0)
            return;
        int left = (int)count;
        for (const struct nlmsghdr *message = (const struct nlmsghdr *)buffer; NLMSG_OK(message, left);
             message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type == RTM_NEWADDR || message->nlmsg_type == RTM_DELADDR)
                note(message);
        }
    }
}

bool net_local_addresses_watch(struct failure *failure)
{
    AUTO_CLOSE int fd = netlink_open(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR, SOCK_NONBLOCK);
    if (fd < 0 || ask_for_all(fd) != 0)
        return failed(failure, "list addresses");
    changes = (struct loop_source){.fd = fd, .on_ready = on_change};
    if (loop_add(&changes, EPOLLIN) != 0)
        return failed(failure, "watch addresses");
    (void)take_fd(&fd);
    /* The kernel starts a dump before send() returns: the first part is there, the rest follows as it is read. */
    on_change(&changes, EPOLLIN);
    return true;
}
