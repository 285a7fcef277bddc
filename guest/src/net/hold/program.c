#include "net/hold/program.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>

#include "net/bpf/bpf_asm.h"
#include "runtime/util.h"

enum label { LABEL_V6, LABEL_OUTPUT, LABEL_PASS, LABEL_DROP };

#define STACK_SYN (-(int)sizeof(struct net_syn))
#define STACK_FAMILY (STACK_SYN + (int)offsetof(struct net_syn, family))
#define STACK_SOURCE (STACK_SYN + (int)offsetof(struct net_syn, source))
#define STACK_DESTINATION (STACK_SYN + (int)offsetof(struct net_syn, destination))
#define STACK_TCP (STACK_SYN + (int)offsetof(struct net_syn, tcp))

/* In a TCP header: RFC 9293, section 3.1. */
#define TCP_MIN_BYTES 20
#define TCP_LENGTH_AT 12
#define TCP_FLAGS_AT 13
#define TCP_SYN 0x02
/* FIN, SYN, RST and ACK: a first SYN has SYN only. */
#define TCP_KIND_MASK 0x17

/* In an IPv4 and an IPv6 header. */
#define V4_SOURCE_AT 12
#define V4_DESTINATION_AT 16
#define V6_SOURCE_AT 8
#define V6_DESTINATION_AT 24

/* More than any packet: none of it is truncated. */
#define WHOLE_PACKET 0x100000

#define CLEAR(offset) INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, offset, 0)
#define TO_STACK(dst, offset) MOVE(dst, BPF_REG_10), ADD(dst, offset)
/* Loads `bytes` of the network header; cannot fail: the kernel has validated the whole header. */
#define COPY_ADDRESS(at, offset, bytes)                                                                                \
    MOVE(BPF_REG_1, BPF_REG_6), SET(BPF_REG_2, at), TO_STACK(BPF_REG_3, offset), SET(BPF_REG_4, bytes),                \
        SET(BPF_REG_5, BPF_HDR_START_NET), CALL(BPF_FUNC_skb_load_bytes_relative)

size_t net_hold_program_assemble(struct bpf_insn *program, int ring_fd)
{
    const struct bpf_insn source[] = {
        MOVE(BPF_REG_6, BPF_REG_1),
        CLEAR(STACK_SYN),
        CLEAR(STACK_SYN + 8),
        CLEAR(STACK_SYN + 16),
        CLEAR(STACK_SYN + 24),
        CLEAR(STACK_SYN + 32),
        CLEAR(STACK_SYN + 40),
        CLEAR(STACK_SYN + 48),
        CLEAR(STACK_SYN + 56),
        CLEAR(STACK_SYN + 64),
        CLEAR(STACK_SYN + 72),
        CLEAR(STACK_SYN + 80),
        CLEAR(STACK_SYN + 88),
        /* The packet starts with its TCP header here. */
        MOVE(BPF_REG_1, BPF_REG_6),
        SET(BPF_REG_2, 0),
        TO_STACK(BPF_REG_3, STACK_TCP),
        SET(BPF_REG_4, TCP_MIN_BYTES),
        CALL(BPF_FUNC_skb_load_bytes),
        IF_NOT_EQUAL(BPF_REG_0, 0, LABEL_DROP),
        LOAD_FROM(BPF_B, BPF_REG_7, BPF_REG_10, STACK_TCP + TCP_FLAGS_AT),
        AND(BPF_REG_7, TCP_KIND_MASK),
        IF_NOT_EQUAL(BPF_REG_7, TCP_SYN, LABEL_PASS),
        LOAD_FROM(BPF_B, BPF_REG_8, BPF_REG_10, STACK_TCP + TCP_LENGTH_AT),
        SHIFT_RIGHT(BPF_REG_8, 2),
        AND(BPF_REG_8, 0x3c),
        IF_BELOW(BPF_REG_8, TCP_MIN_BYTES, LABEL_DROP),
        MOVE(BPF_REG_1, BPF_REG_6),
        SET(BPF_REG_2, 0),
        TO_STACK(BPF_REG_3, STACK_TCP),
        MOVE(BPF_REG_4, BPF_REG_8),
        CALL(BPF_FUNC_skb_load_bytes),
        IF_NOT_EQUAL(BPF_REG_0, 0, LABEL_DROP),
        LOAD_FROM(BPF_W, BPF_REG_7, BPF_REG_6, (short)offsetof(struct __sk_buff, protocol)),
        IF_NOT_EQUAL(BPF_REG_7, htons(ETH_P_IP), LABEL_V6),
        STORE_VALUE(STACK_FAMILY, 4),
        COPY_ADDRESS(V4_SOURCE_AT, STACK_SOURCE, 4),
        COPY_ADDRESS(V4_DESTINATION_AT, STACK_DESTINATION, 4),
        GO(LABEL_OUTPUT),
        LABEL(LABEL_V6),
        STORE_VALUE(STACK_FAMILY, 6),
        COPY_ADDRESS(V6_SOURCE_AT, STACK_SOURCE, 16),
        COPY_ADDRESS(V6_DESTINATION_AT, STACK_DESTINATION, 16),
        LABEL(LABEL_OUTPUT),
        MAP(BPF_REG_1, ring_fd),
        TO_STACK(BPF_REG_2, STACK_SYN),
        SET(BPF_REG_3, sizeof(struct net_syn)),
        SET(BPF_REG_4, 0),
        /* Lost if the ring is full: the program's kernel retransmits it. */
        CALL(BPF_FUNC_ringbuf_output),
        GO(LABEL_DROP),
        LABEL(LABEL_PASS),
        RETURN(WHOLE_PACKET),
        LABEL(LABEL_DROP),
        RETURN(0),
    };
    return bpf_asm_resolve(source, ARRAY_LENGTH(source), program, NET_HOLD_PROGRAM_MAX_INSTRUCTIONS);
}
