#include "net/packet/unreachable.h"

#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

#include "net/packet/checksum.h"
#include "runtime/util.h"

_Static_assert(NET_UNREACHABLE_BYTES == sizeof(struct icmphdr) + sizeof(struct iphdr) + sizeof(struct udphdr),
               "the message is its three headers");

void net_unreachable_write(uint8_t *message, const struct sockaddr_in *sender, const struct sockaddr_in *destination,
                           uint16_t datagram_bytes)
{
    struct icmphdr icmp = {.type = ICMP_DEST_UNREACH, .code = ICMP_PORT_UNREACH};
    const uint16_t udp_bytes = (uint16_t)(sizeof(struct udphdr) + datagram_bytes);
    struct iphdr ip = {
        .version = IPVERSION,
        .ihl = sizeof ip / 4,
        .tot_len = htons((uint16_t)(sizeof ip + udp_bytes)),
        .ttl = IPDEFTTL,
        .protocol = IPPROTO_UDP,
        .saddr = sender->sin_addr.s_addr,
        .daddr = destination->sin_addr.s_addr,
    };
    struct udphdr udp;
    memset(&udp, 0, sizeof udp);
    udp.source = sender->sin_port;
    udp.dest = destination->sin_port;
    udp.len = htons(udp_bytes);
    ip.check = net_checksum_end(net_checksum_add(0, &ip, sizeof ip));
    memcpy(message, &icmp, sizeof icmp);
    memcpy(message + sizeof icmp, &ip, sizeof ip);
    memcpy(message + sizeof icmp + sizeof ip, &udp, sizeof udp);
    icmp.checksum = net_checksum_end(net_checksum_add(0, message, NET_UNREACHABLE_BYTES));
    memcpy(message, &icmp, sizeof icmp);
}
