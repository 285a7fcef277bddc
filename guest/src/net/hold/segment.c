#include "net/hold/segment.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>

#include "net/packet/checksum.h"
#include "runtime/util.h"

/* A TCP header: RFC 9293, section 3.1. */
#define TCP_BYTES 20
#define SEQUENCE_AT 4
#define ACKNOWLEDGEMENT_AT 8
#define LENGTH_AT 12
#define FLAGS_AT 13
#define CHECKSUM_AT 16
#define LENGTH_OF_TCP_BYTES (TCP_BYTES / 4 << 4)
#define RST_ACK 0x14

/* The part of a packet that an ICMP error quotes, besides its network header. */
#define QUOTED_BYTES 8

_Static_assert(sizeof(struct icmp6_hdr) + sizeof(struct ip6_hdr) + QUOTED_BYTES <= NET_SEGMENT_MAX_BYTES,
               "the longest message fits");

static size_t header_bytes(const struct net_syn *syn)
{
    return (size_t)(syn->tcp[LENGTH_AT] >> 4) * 4;
}

bool net_segment_tuple(const struct net_syn *syn, struct net_tuple *tuple)
{
    if (header_bytes(syn) < TCP_BYTES)
        return false;
    bool is_v4 = syn->family == 4;
    memset(tuple, 0, sizeof *tuple);
    tuple->local = is_v4 ? net_address_v4(syn->destination) : net_address_v6(syn->destination);
    tuple->remote = is_v4 ? net_address_v4(syn->source) : net_address_v6(syn->source);
    memcpy(&tuple->remote_port, syn->tcp, 2);
    tuple->local_port = (uint16_t)(syn->tcp[2] << 8 | syn->tcp[3]);
    return true;
}

static void put_checksum(const uint8_t *source, const uint8_t *destination, uint8_t *tcp, size_t length)
{
    uint8_t pseudo[12] = {[9] = IPPROTO_TCP, [11] = (uint8_t)length};
    memcpy(pseudo, source, 4);
    memcpy(pseudo + 4, destination, 4);
    uint32_t sum = net_checksum_add(net_checksum_add(0, pseudo, sizeof pseudo), tcp, length);
    uint16_t checksum = net_checksum_end(sum);
    memcpy(tcp + CHECKSUM_AT, &checksum, sizeof checksum);
}

size_t net_segment_syn(const struct net_syn *syn, uint8_t *bytes)
{
    size_t length = header_bytes(syn);
    memcpy(bytes, syn->tcp, length);
    memset(bytes + CHECKSUM_AT, 0, 2);
    if (syn->family == 4)
        put_checksum(syn->source, syn->destination, bytes, length);
    return length;
}

size_t net_segment_reset(const struct net_syn *syn, uint8_t *bytes)
{
    uint32_t sequence;
    memset(bytes, 0, TCP_BYTES);
    memcpy(bytes, syn->tcp + 2, 2);
    memcpy(bytes + 2, syn->tcp, 2);
    memcpy(&sequence, syn->tcp + SEQUENCE_AT, sizeof sequence);
    sequence = htonl(ntohl(sequence) + 1);
    memcpy(bytes + ACKNOWLEDGEMENT_AT, &sequence, sizeof sequence);
    bytes[LENGTH_AT] = LENGTH_OF_TCP_BYTES;
    bytes[FLAGS_AT] = RST_ACK;
    if (syn->family == 4)
        put_checksum(syn->destination, syn->source, bytes, TCP_BYTES);
    return TCP_BYTES;
}

static size_t unreachable_v4(const struct net_syn *syn, uint8_t code, uint8_t *bytes)
{
    struct icmphdr icmp = {.type = ICMP_DEST_UNREACH, .code = code};
    struct iphdr ip = {
        .version = IPVERSION,
        .ihl = sizeof ip / 4,
        .tot_len = htons((uint16_t)(sizeof ip + header_bytes(syn))),
        .ttl = IPDEFTTL,
        .protocol = IPPROTO_TCP,
    };
    const size_t length = sizeof icmp + sizeof ip + QUOTED_BYTES;
    memcpy(&ip.saddr, syn->source, 4);
    memcpy(&ip.daddr, syn->destination, 4);
    ip.check = net_checksum_end(net_checksum_add(0, &ip, sizeof ip));
    memcpy(bytes, &icmp, sizeof icmp);
    memcpy(bytes + sizeof icmp, &ip, sizeof ip);
    memcpy(bytes + sizeof icmp + sizeof ip, syn->tcp, QUOTED_BYTES);
    icmp.checksum = net_checksum_end(net_checksum_add(0, bytes, length));
    memcpy(bytes, &icmp, sizeof icmp);
    return length;
}

static size_t unreachable_v6(const struct net_syn *syn, uint8_t code, uint8_t *bytes)
{
    const struct icmp6_hdr icmp = {.icmp6_type = ICMP6_DST_UNREACH, .icmp6_code = code};
    struct ip6_hdr ip;
    memset(&ip, 0, sizeof ip);
    ip.ip6_flow = htonl(6u << 28);
    ip.ip6_plen = htons((uint16_t)header_bytes(syn));
    ip.ip6_nxt = IPPROTO_TCP;
    ip.ip6_hlim = IPDEFTTL;
    memcpy(&ip.ip6_src, syn->source, 16);
    memcpy(&ip.ip6_dst, syn->destination, 16);
    memcpy(bytes, &icmp, sizeof icmp);
    memcpy(bytes + sizeof icmp, &ip, sizeof ip);
    memcpy(bytes + sizeof icmp + sizeof ip, syn->tcp, QUOTED_BYTES);
    return sizeof icmp + sizeof ip + QUOTED_BYTES;
}

size_t net_segment_unreachable(const struct net_syn *syn, enum net_unreachable what, uint8_t *bytes)
{
    bool is_host = what == NET_UNREACHABLE_HOST;
    return syn->family == 4 ? unreachable_v4(syn, is_host ? ICMP_HOST_UNREACH : ICMP_NET_UNREACH, bytes)
                            : unreachable_v6(syn, is_host ? ICMP6_DST_UNREACH_ADDR : ICMP6_DST_UNREACH_NOROUTE, bytes);
}
