#include "net/packet/address.h"

#include "runtime/util.h"

/* Missing where musl's headers are older than the kernel's. */
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static const uint8_t MAPPED_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct net_address net_address_v4(const uint8_t *bytes)
{
    struct net_address address;
    memcpy(address.bytes, MAPPED_PREFIX, sizeof MAPPED_PREFIX);
    memcpy(address.bytes + sizeof MAPPED_PREFIX, bytes, 4);
    return address;
}

struct net_address net_address_v6(const uint8_t *bytes)
{
    struct net_address address;
    memcpy(address.bytes, bytes, sizeof address.bytes);
    return address;
}

bool net_address_is_v4(const struct net_address *address)
{
    return memcmp(address->bytes, MAPPED_PREFIX, sizeof MAPPED_PREFIX) == 0;
}

union net_sockaddr net_server_sockaddr(int family, socklen_t *length)
{
    static const uint8_t server_v4[4] = NET_SERVER_V4;
    static const uint8_t server_v6[16] = NET_SERVER_V6;
    union net_sockaddr address;
    memset(&address, 0, sizeof address);
    if (family == AF_INET) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(NET_SERVER_PORT);
        memcpy(&address.v4.sin_addr, server_v4, sizeof server_v4);
        *length = sizeof address.v4;
    } else {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(NET_SERVER_PORT);
        memcpy(&address.v6.sin6_addr, server_v6, sizeof server_v6);
        *length = sizeof address.v6;
    }
    return address;
}

bool net_address_allow_any(int fd, int family)
{
    const int on = 1;
    return family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) == 0
                             : setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on) == 0;
}
