#include "net_program.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "util.h"

/* Jumps name a label; the assembler puts the distance in. */
enum label { LABEL_V6, LABEL_LOOK_UP, LABEL_NAMES, LABEL_STEER, LABEL_PASS, LABEL_DROP, LABELS };

/* Not an operation of BPF: marks where a label is. */
#define CODE_LABEL 0xff

#define FIELD(name) ((short)offsetof(struct bpf_sk_lookup, name))
#define INSN(op, dst, src, offset, value)                                                                              \
    {.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (short)(offset), .imm = (int)(value)}
#define LABEL(label) INSN(CODE_LABEL, 0, 0, label, 0)
#define MOVE(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define ADD(dst, value) INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define AND(dst, value) INSN(BPF_ALU64 | BPF_AND | BPF_K, dst, 0, 0, value)
#define LOAD(dst, name) INSN(BPF_LDX | BPF_MEM | BPF_W, dst, BPF_REG_6, FIELD(name), 0)
#define STORE(offset, src) INSN(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, src, offset, 0)
#define STORE_VALUE(offset, value) INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, offset, value)
#define IF_EQUAL(dst, value, label) INSN(BPF_JMP | BPF_JEQ | BPF_K, dst, 0, label, value)
#define IF_NOT_EQUAL(dst, value, label) INSN(BPF_JMP | BPF_JNE | BPF_K, dst, 0, label, value)
#define GO(label) INSN(BPF_JMP | BPF_JA, 0, 0, label, 0)
#define MAP(dst, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define CALL(function) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define RETURN(value) SET(BPF_REG_0, value), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* Stack: the address at -16, the key of the sockets' map at -20. */
#define STACK_ADDRESS (-16)
#define STACK_KEY (-20)

static bool is_jump(const struct bpf_insn *instruction)
{
    return BPF_CLASS(instruction->code) == BPF_JMP && BPF_OP(instruction->code) != BPF_CALL &&
           BPF_OP(instruction->code) != BPF_EXIT;
}

static size_t resolve(const struct bpf_insn *source, size_t count, struct bpf_insn *program)
{
    int places[LABELS];
    int length = 0;
    memset(places, -1, sizeof places);
    for (size_t i = 0; i < count; i++) {
        if (source[i].code == CODE_LABEL)
            places[source[i].off] = length;
        else
            length++;
    }
    if (length > NET_PROGRAM_MAX_INSTRUCTIONS)
        return 0;
    int at = 0;
    for (size_t i = 0; i < count; i++) {
        if (source[i].code == CODE_LABEL)
            continue;
        program[at] = source[i];
        if (is_jump(&source[i])) {
            int place = places[source[i].off];
            /* Only forward, so that the program ends. */
            if (place <= at)
                return 0;
            program[at].off = (short)(place - at - 1);
        }
        at++;
    }
    return (size_t)length;
}

size_t net_program_assemble(struct bpf_insn *program, int own_addresses_fd, int sockets_fd)
{
    const struct bpf_insn source[] = {
        MOVE(BPF_REG_6, BPF_REG_1),
        LOAD(BPF_REG_7, protocol),
        LOAD(BPF_REG_8, family),
        IF_NOT_EQUAL(BPF_REG_8, AF_INET, LABEL_V6),
        SET(BPF_REG_9, NET_SOCKET_TCP_V4),
        LOAD(BPF_REG_8, local_ip4),
        STORE_VALUE(STACK_ADDRESS, 0),
        STORE_VALUE(STACK_ADDRESS + 4, 0),
        STORE_VALUE(STACK_ADDRESS + 8, htonl(0xffff)),
        STORE(STACK_ADDRESS + 12, BPF_REG_8),
        AND(BPF_REG_8, htonl(0xff000000)),
        IF_EQUAL(BPF_REG_8, htonl(0x7f000000), LABEL_PASS),
        GO(LABEL_LOOK_UP),
        LABEL(LABEL_V6),
        SET(BPF_REG_9, NET_SOCKET_TCP_V6),
        LOAD(BPF_REG_8, local_ip6[0]),
        STORE(STACK_ADDRESS, BPF_REG_8),
        LOAD(BPF_REG_8, local_ip6[1]),
        STORE(STACK_ADDRESS + 4, BPF_REG_8),
        LOAD(BPF_REG_8, local_ip6[2]),
        STORE(STACK_ADDRESS + 8, BPF_REG_8),
        LOAD(BPF_REG_8, local_ip6[3]),
        STORE(STACK_ADDRESS + 12, BPF_REG_8),
        LABEL(LABEL_LOOK_UP),
        MOVE(BPF_REG_2, BPF_REG_10),
        ADD(BPF_REG_2, STACK_ADDRESS),
        MAP(BPF_REG_1, own_addresses_fd),
        CALL(BPF_FUNC_map_lookup_elem),
        IF_NOT_EQUAL(BPF_REG_0, 0, LABEL_PASS),
        IF_EQUAL(BPF_REG_7, IPPROTO_TCP, LABEL_STEER),
        LOAD(BPF_REG_8, local_port),
        IF_EQUAL(BPF_REG_8, 53, LABEL_NAMES),
        IF_EQUAL(BPF_REG_9, NET_SOCKET_TCP_V6, LABEL_DROP),
        SET(BPF_REG_9, NET_SOCKET_REFUSED_V4),
        GO(LABEL_STEER),
        LABEL(LABEL_NAMES),
        ADD(BPF_REG_9, NET_SOCKET_UDP_V4 - NET_SOCKET_TCP_V4),
        LABEL(LABEL_STEER),
        STORE(STACK_KEY, BPF_REG_9),
        MOVE(BPF_REG_2, BPF_REG_10),
        ADD(BPF_REG_2, STACK_KEY),
        MAP(BPF_REG_1, sockets_fd),
        CALL(BPF_FUNC_map_lookup_elem),
        IF_EQUAL(BPF_REG_0, 0, LABEL_DROP),
        MOVE(BPF_REG_7, BPF_REG_0),
        MOVE(BPF_REG_1, BPF_REG_6),
        MOVE(BPF_REG_2, BPF_REG_0),
        SET(BPF_REG_3, 0),
        CALL(BPF_FUNC_sk_assign),
        MOVE(BPF_REG_8, BPF_REG_0),
        MOVE(BPF_REG_1, BPF_REG_7),
        CALL(BPF_FUNC_sk_release),
        IF_NOT_EQUAL(BPF_REG_8, 0, LABEL_DROP),
        LABEL(LABEL_PASS),
        RETURN(SK_PASS),
        LABEL(LABEL_DROP),
        RETURN(SK_DROP),
    };
    return resolve(source, ARRAY_LENGTH(source), program);
}
