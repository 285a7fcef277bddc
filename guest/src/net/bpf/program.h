/*
 * The BPF program that decides, for each new TCP connection and each UDP datagram that arrives in this machine, which
 * socket receives it. Pure: it is assembled here and loaded in steer.c.
 *
 * - To 127.0.0.0/8 or an own address: unchanged (servers of the guest).
 * - TCP to any other address: the listener of that family that holds a connection's SYN until the host has decided, and
 *   the agent's listener once the host has accepted (hold/hold.h).
 * - UDP to port 53 of any other address: the agent's name server socket of that family.
 * - Other UDP: over IPv6 no socket, so the kernel sends "port unreachable" at once; over IPv4 it cannot, and the agent
 *   does (refuse.h).
 */
#ifndef GONDOLIN_NET_PROGRAM_H
#define GONDOLIN_NET_PROGRAM_H

#include <linux/bpf.h>
#include <stddef.h>

/* Keys of the map of sockets. */
#define NET_SOCKET_TCP_V4 0
#define NET_SOCKET_TCP_V6 1
#define NET_SOCKET_UDP_V4 2
#define NET_SOCKET_UDP_V6 3
#define NET_SOCKET_REFUSED_V4 4
#define NET_SOCKET_HELD_V4 5
#define NET_SOCKET_HELD_V6 6
/* Listeners of connections that are admitted early: the host is asked once that is possible. */
#define NET_SOCKET_EARLY_V4 7
#define NET_SOCKET_EARLY_V6 8
#define NET_SOCKETS 9

/* Values of the map of accepted connections: the listener that receives it. */
#define NET_ACCEPTED 1
#define NET_ACCEPTED_EARLY 2

#define NET_PROGRAM_MAX_INSTRUCTIONS 128

/* Descriptors of the maps that the program reads. */
struct net_program_maps {
    /* net_address: any */
    int own_addresses_fd;
    /* net_tuple: NET_ACCEPTED or NET_ACCEPTED_EARLY; connections that are no longer held. */
    int accepted_fd;
    /* A key from above: the socket. */
    int sockets_fd;
};

/* Writes the program; returns its length in instructions, or 0 if it does not fit or a label is missing. */
size_t net_program_assemble(struct bpf_insn *program, const struct net_program_maps *maps);

#endif
