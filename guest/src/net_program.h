/*
 * The BPF program that decides, for each new TCP connection and each UDP datagram that arrives in this machine, which
 * socket gets it. Pure: it is assembled here and loaded in net_steer.c.
 *
 * - To 127.0.0.0/8 or an own address: as ever (servers of the guest).
 * - TCP to any other address: the agent's listener of that family.
 * - UDP to port 53 of any other address: the agent's name server socket of that family.
 * - Other UDP: over IPv6 no socket, so the kernel answers "port unreachable" at once; over IPv4 it cannot, and the agent
 *   does (net_refuse.h).
 */
#ifndef GONDOLIN_NET_PROGRAM_H
#define GONDOLIN_NET_PROGRAM_H

#include <linux/bpf.h>
#include <stddef.h>

/* Keys of the sockets' map. */
#define NET_SOCKET_TCP_V4 0
#define NET_SOCKET_TCP_V6 1
#define NET_SOCKET_UDP_V4 2
#define NET_SOCKET_UDP_V6 3
#define NET_SOCKET_REFUSED_V4 4
#define NET_SOCKETS 5

#define NET_PROGRAM_MAX_INSTRUCTIONS 96

/* Writes the program; gives its length in instructions, or 0 when it does not fit or a label is missing. */
size_t net_program_assemble(struct bpf_insn *program, int own_addresses_fd, int sockets_fd);

#endif
