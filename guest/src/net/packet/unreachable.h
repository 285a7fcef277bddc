/* The ICMP message "port unreachable" for an IPv4 datagram (RFC 792, "Destination Unreachable Message"). Pure. */
#ifndef GONDOLIN_NET_UNREACHABLE_H
#define GONDOLIN_NET_UNREACHABLE_H

#include <netinet/in.h>
#include <stdint.h>

/*
 * The message's own header, then the datagram's IP header and first 8 bytes, which tell the sender which of its sockets
 * it concerns.
 */
#define NET_UNREACHABLE_BYTES (8 + 20 + 8)

/* `datagram_bytes` is the length of the datagram's data. Both addresses include their ports. */
void net_unreachable_write(uint8_t *message, const struct sockaddr_in *sender, const struct sockaddr_in *destination,
                           uint16_t datagram_bytes);

#endif
