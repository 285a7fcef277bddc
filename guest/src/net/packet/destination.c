#include "net/packet/destination.h"

#include "runtime/util.h"

bool net_destination_encode(const struct net_tuple *tuple, bool is_v4, uint8_t *destination)
{
    memset(destination, 0, GONDOLIN_TCP_DESTINATION_BYTES);
    destination[0] = is_v4 ? GONDOLIN_TCP_FAMILY_V4 : GONDOLIN_TCP_FAMILY_V6;
    store_u16(destination + 1, tuple->local_port);
    if (is_v4)
        memcpy(destination + 3, tuple->local.bytes + 12, 4);
    else
        memcpy(destination + 3, tuple->local.bytes, 16);
    return tuple->local_port != 0;
}

enum net_destination net_destination_decode(const uint8_t *destination, struct net_address *address, uint16_t *port)
{
    *port = load_u16(destination + 1);
    if (*port == 0)
        return NET_DESTINATION_BAD;
    switch (destination[0]) {
    case GONDOLIN_TCP_FAMILY_ANY:
        return NET_DESTINATION_ANY;
    case GONDOLIN_TCP_FAMILY_V4:
        *address = net_address_v4(destination + 3);
        return NET_DESTINATION_ADDRESS;
    case GONDOLIN_TCP_FAMILY_V6:
        *address = net_address_v6(destination + 3);
        return NET_DESTINATION_ADDRESS;
    default:
        return NET_DESTINATION_BAD;
    }
}
