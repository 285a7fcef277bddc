#include "net_destination.h"

#include "util.h"

bool net_destination_encode(const union net_sockaddr *address, uint8_t *destination)
{
    uint16_t port;
    memset(destination, 0, GONDOLIN_TCP_DESTINATION_BYTES);
    if (address->any.sa_family == AF_INET) {
        destination[0] = GONDOLIN_TCP_FAMILY_V4;
        port = ntohs(address->v4.sin_port);
        memcpy(destination + 3, &address->v4.sin_addr, 4);
    } else if (address->any.sa_family == AF_INET6) {
        destination[0] = GONDOLIN_TCP_FAMILY_V6;
        port = ntohs(address->v6.sin6_port);
        memcpy(destination + 3, &address->v6.sin6_addr, 16);
    } else {
        return false;
    }
    store_u16(destination + 1, port);
    return port != 0;
}
