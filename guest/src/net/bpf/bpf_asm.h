/*
 * An assembler for the few BPF programs of the agent: an array of these instructions, with labels among them. Pure. A
 * jump names a label, a number below the caller's count of labels. Jumps go forward only, so that a program ends.
 */
#ifndef GONDOLIN_BPF_ASM_H
#define GONDOLIN_BPF_ASM_H

#include <linux/bpf.h>
#include <stddef.h>

#define BPF_ASM_MAX_LABELS 16

/* Not an operation of BPF: marks the place of a label. */
#define CODE_LABEL 0xff

/* clang-format off */
#define INSN(op, dst, src, offset, value)                                                                              \
    {.code = (op), .dst_reg = (dst), .src_reg = (src), .off = (short)(offset), .imm = (int)(value)}
/* clang-format on */
#define LABEL(label) INSN(CODE_LABEL, 0, 0, label, 0)
#define MOVE(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define SET(dst, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define ADD(dst, value) INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define AND(dst, value) INSN(BPF_ALU64 | BPF_AND | BPF_K, dst, 0, 0, value)
#define STORE(offset, src) INSN(BPF_STX | BPF_MEM | BPF_W, BPF_REG_10, src, offset, 0)
#define LOAD_FROM(size, dst, src, offset) INSN(BPF_LDX | BPF_MEM | (size), dst, src, offset, 0)
#define STORE_HALF(offset, src) INSN(BPF_STX | BPF_MEM | BPF_H, BPF_REG_10, src, offset, 0)
#define STORE_VALUE(offset, value) INSN(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, offset, value)
#define SHIFT_RIGHT(dst, bits) INSN(BPF_ALU64 | BPF_RSH | BPF_K, dst, 0, 0, bits)
#define IF_BELOW(dst, value, label) INSN(BPF_JMP | BPF_JLT | BPF_K, dst, 0, label, value)
#define IF_EQUAL(dst, value, label) INSN(BPF_JMP | BPF_JEQ | BPF_K, dst, 0, label, value)
#define IF_NOT_EQUAL(dst, value, label) INSN(BPF_JMP | BPF_JNE | BPF_K, dst, 0, label, value)
#define GO(label) INSN(BPF_JMP | BPF_JA, 0, 0, label, 0)
#define MAP(dst, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, dst, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define CALL(function) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, function)
#define RETURN(value) SET(BPF_REG_0, value), INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/*
 * Writes `source` without its labels and with its jumps resolved; returns the length in instructions, or 0 if it is
 * longer than `capacity`, or a label is missing or precedes its jump.
 */
size_t bpf_asm_resolve(const struct bpf_insn *source, size_t count, struct bpf_insn *program, size_t capacity);

#endif
