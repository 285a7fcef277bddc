#include "net/interfaces.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "net/netlink.h"
#include "runtime/util.h"

#define BUFFER_BYTES 32768

static uint8_t buffer[BUFFER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));

int net_interfaces_ask(int netlink_fd)
{
    union netlink_request request;
    struct ifaddrmsg *address = netlink_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof *address);
    address->ifa_family = AF_UNSPEC;
    return RETRY_EINTR(send(netlink_fd, request.bytes, request.header.nlmsg_len, 0)) < 0 ? -1 : 0;
}

bool net_interfaces_read(const struct nlmsghdr *message, struct net_address *address)
{
    struct ifaddrmsg fixed;
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof fixed))
        return false;
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
        return false;
    *address = size == 4 ? net_address_v4(own) : net_address_v6(own);
    return true;
}

size_t net_interfaces_list(struct net_address *addresses, size_t capacity)
{
    size_t count = 0;
    AUTO_CLOSE int fd = netlink_open(0, SOCK_NONBLOCK);
    if (fd < 0 || net_interfaces_ask(fd) != 0)
        return 0;
    while (count < capacity) {
        /* The kernel makes each part as the one before is read: nothing to wait for. */
        long length = RETRY_EINTR(recv(fd, buffer, sizeof buffer, 0));
        if (length <= 0)
            break;
        int left = (int)length;
        for (const struct nlmsghdr *message = (const struct nlmsghdr *)buffer; NLMSG_OK(message, left);
             message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type != RTM_NEWADDR)
                return count;
            if (count < capacity && net_interfaces_read(message, &addresses[count]))
                count++;
        }
    }
    return count;
}

bool net_interfaces_has_route(const struct net_address *address)
{
    union netlink_request request;
    bool is_v4 = net_address_is_v4(address);
    struct rtmsg *route = netlink_begin(&request, RTM_GETROUTE, 0, sizeof *route);
    route->rtm_family = is_v4 ? AF_INET : AF_INET6;
    route->rtm_dst_len = is_v4 ? 32 : 128;
    netlink_add(&request, RTA_DST, is_v4 ? address->bytes + 12 : address->bytes, is_v4 ? 4 : 16);
    AUTO_CLOSE int fd = netlink_open(0, SOCK_NONBLOCK);
    if (fd < 0 || RETRY_EINTR(send(fd, request.bytes, request.header.nlmsg_len, 0)) < 0)
        return false;
    long length = RETRY_EINTR(recv(fd, buffer, sizeof buffer, 0));
    const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
    if (length < 0 || !NLMSG_OK(message, (size_t)length) || message->nlmsg_type != RTM_NEWROUTE)
        return false;
    struct rtmsg found;
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof found))
        return false;
    memcpy(&found, NLMSG_DATA(message), sizeof found);
    return found.rtm_type == RTN_UNICAST;
}
