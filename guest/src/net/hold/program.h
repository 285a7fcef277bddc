/*
 * The BPF filter of the listeners that hold SYNs: it removes each SYN, so that the kernel does not respond to it, and
 * writes it to a ring for the agent. Everything else passes. Pure: assembled here and loaded in socket.c.
 */
#ifndef GONDOLIN_NET_HOLD_PROGRAM_H
#define GONDOLIN_NET_HOLD_PROGRAM_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#define NET_SYN_MAX_TCP_BYTES 60
#define NET_HOLD_PROGRAM_MAX_INSTRUCTIONS 96

/* The record that the filter writes for one SYN. */
struct net_syn {
    /* 4 or 6. */
    uint32_t family;
    /* IPv4: the first 4 bytes, then 0. */
    uint8_t source[16];
    uint8_t destination[16];
    /* The TCP header with its options; zeros after its own length. */
    uint8_t tcp[NET_SYN_MAX_TCP_BYTES];
};

_Static_assert(sizeof(struct net_syn) == 96, "the filter clears it in words of 8 bytes");

/* Writes the program; returns its length in instructions, or 0 if it does not fit or a label is missing. */
size_t net_hold_program_assemble(struct bpf_insn *program, int ring_fd);

#endif
