#include "net/local_addresses.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "net/bpf/steer.h"
#include "net/interfaces.h"
#include "net/netlink.h"
#include "net/packet/address.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/util.h"

#define BUFFER_BYTES 32768

static struct loop_source changes;

static void note(const struct nlmsghdr *message)
{
    struct net_address address;
    if (!net_interfaces_read(message, &address))
        return;
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
            (void)net_interfaces_ask(source->fd);
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
    if (fd < 0 || net_interfaces_ask(fd) != 0)
        return failed(failure, "list addresses");
    changes = (struct loop_source){.fd = fd, .on_ready = on_change};
    if (loop_add(&changes, EPOLLIN) != 0)
        return failed(failure, "watch addresses");
    (void)take_fd(&fd);
    /* The kernel starts a dump before send() returns: the first part is there, the rest follows as it is read. */
    on_change(&changes, EPOLLIN);
    return true;
}
