/* Addresses of the guest's network, and the form in which both families are compared. */
#ifndef GONDOLIN_NET_ADDRESS_H
#define GONDOLIN_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The guest's own address: IPv4 10.0.2.15, IPv6 fd00::15. */
/* clang-format off */
#define NET_OWN_V4 {10, 0, 2, 15}
#define NET_OWN_V6 {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x15}

/* Its name server: 10.0.2.3 and fd00::3. No interface has it: the agent's own sockets are bound there. */
#define NET_SERVER_V4 {10, 0, 2, 3}
#define NET_SERVER_V6 {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x03}
/* clang-format on */
#define NET_SERVER_TEXT "10.0.2.3"
#define NET_SERVER_PORT 1
/* The port of the socket that takes what is refused. */
#define NET_REFUSED_PORT 2
/* The port of the listeners that hold SYNs. */
#define NET_HELD_PORT 3
/* The port of the listeners of connections that are admitted early. */
#define NET_EARLY_PORT 4

/* 16 bytes; IPv4 as ::ffff:a.b.c.d. */
struct net_address {
    uint8_t bytes[16];
};

union net_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct net_address net_address_v4(const uint8_t *bytes);
struct net_address net_address_v6(const uint8_t *bytes);
bool net_address_is_v4(const struct net_address *address);

/* Lets a socket bind to addresses that this machine does not have, and send from them. False with errno. */
bool net_address_allow_any(int fd, int family);

/* The address that the agent's sockets of a family are bound to. */
union net_sockaddr net_server_sockaddr(int family, socklen_t *length);

#endif
