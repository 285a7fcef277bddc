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
