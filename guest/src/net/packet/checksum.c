#include "net/packet/checksum.h"

#include <arpa/inet.h>

uint32_t net_checksum_add(uint32_t sum, const void *bytes, size_t size)
{
    const uint8_t *next = bytes;
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += (uint32_t)next[i] << 8 | next[i + 1];
    return sum;
}

uint16_t net_checksum_end(uint32_t sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}
