#include "net/route.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "net/netlink.h"
#include "net/packet/address.h"
#include "runtime/util.h"

#define LOOPBACK_INDEX 1
/* A table that no container engine uses. */
#define CAPTURE_TABLE 26479
/* After the kernel's own rules: 0 local, 32766 main, 32767 default. */
#define FIRST_RULE 32768
#define MAX_RULES 2

struct rule {
    uint8_t action;
    /* 0 for every protocol. */
    uint8_t protocol;
};

struct family {
    uint8_t number;
    const char *name;
    uint8_t address[16];
    uint8_t address_bytes;
    struct rule rules[MAX_RULES];
};

/* The kernel replies to pings of addresses in the table `local` only: others fail at once instead of timing out. */
static const struct family V4 = {
    .number = AF_INET,
    .name = "IPv4",
    .address = NET_OWN_V4,
    .address_bytes = 4,
    .rules = {{.action = FR_ACT_UNREACHABLE, .protocol = IPPROTO_ICMP}, {.action = FR_ACT_TO_TBL}},
};
/*
 * netfilter checks by its route, without a protocol, whether an IPv6 address is the machine's own: it finds none here.
 */
static const struct family V6 = {
    .number = AF_INET6,
    .name = "IPv6",
    .address = NET_OWN_V6,
    .address_bytes = 16,
    .rules = {{.action = FR_ACT_TO_TBL, .protocol = IPPROTO_TCP}, {.action = FR_ACT_TO_TBL, .protocol = IPPROTO_UDP}},
};

bool net_route_has_v6(void)
{
    return access("/proc/net/if_inet6", F_OK) == 0;
}

static int set_link_up(int fd)
{
    union netlink_request request;
    struct ifinfomsg *link = netlink_begin(&request, RTM_NEWLINK, 0, sizeof *link);
    link->ifi_index = LOOPBACK_INDEX;
    link->ifi_flags = IFF_UP;
    link->ifi_change = IFF_UP;
    return netlink_call(fd, &request);
}

static int add_address(int fd, const struct family *family)
{
    union netlink_request request;
    struct ifaddrmsg *address = netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof *address);
    address->ifa_family = family->number;
    address->ifa_prefixlen = (uint8_t)(family->address_bytes * 8);
    address->ifa_index = LOOPBACK_INDEX;
    if (family->number == AF_INET6)
        address->ifa_flags = IFA_F_NODAD;
    netlink_add(&request, IFA_LOCAL, family->address, family->address_bytes);
    netlink_add(&request, IFA_ADDRESS, family->address, family->address_bytes);
    return netlink_call(fd, &request);
}

static int add_default_route(int fd, const struct family *family)
{
    union netlink_request request;
    struct rtmsg *route = netlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof *route);
    route->rtm_family = family->number;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_scope = family->number == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
    route->rtm_type = RTN_LOCAL;
    netlink_add_u32(&request, RTA_TABLE, CAPTURE_TABLE);
    netlink_add_u32(&request, RTA_OIF, LOOPBACK_INDEX);
    netlink_add(&request, RTA_PREFSRC, family->address, family->address_bytes);
    return netlink_call(fd, &request);
}

/* Adds a rule for packets that match no route of the guest. */
static int add_rule(int fd, const struct family *family, uint32_t priority, const struct rule *wanted)
{
    union netlink_request request;
    struct fib_rule_hdr *rule = netlink_begin(&request, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, sizeof *rule);
    rule->family = family->number;
    rule->action = wanted->action;
    netlink_add_u32(&request, FRA_PRIORITY, priority);
    if (wanted->action == FR_ACT_TO_TBL)
        netlink_add_u32(&request, FRA_TABLE, CAPTURE_TABLE);
    if (wanted->protocol != 0)
        netlink_add(&request, FRA_IP_PROTO, &wanted->protocol, sizeof wanted->protocol);
    return netlink_call(fd, &request);
}

static bool set_up(int fd, const struct family *family, struct failure *failure)
{
    if (add_address(fd, family) != 0)
        return failed(failure, "%s address", family->name);
    for (uint32_t i = 0; i < MAX_RULES; i++) {
        if (add_rule(fd, family, FIRST_RULE + i, &family->rules[i]) != 0)
            return failed(failure, "%s routing rule", family->name);
    }
    return add_default_route(fd, family) == 0 || failed(failure, "%s default route", family->name);
}

bool net_route_setup(struct failure *failure)
{
    AUTO_CLOSE int fd = netlink_open(0, 0);
    if (fd < 0)
        return failed(failure, "netlink");
    if (set_link_up(fd) != 0)
        return failed(failure, "loopback");
    return set_up(fd, &V4, failure) && (!net_route_has_v6() || set_up(fd, &V6, failure));
}
