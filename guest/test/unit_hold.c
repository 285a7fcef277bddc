/*
 * Runs the filter of held connections in an interpreter on made-up packets, and checks the packets that the agent
 * sends.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <string.h>

#include "net/hold/program.h"
#include "net/hold/segment.h"
#include "runtime/util.h"
#include "unit.h"

#define RING_FD 300
#define SYN 0x02
#define ACK 0x10

static struct bpf_insn program[NET_HOLD_PROGRAM_MAX_INSTRUCTIONS];
static size_t program_length;

static struct {
    uint64_t registers[11];
    _Alignas(8) uint8_t stack[512];
    /* The network header, then what the filter receives. */
    uint8_t packet[128];
    size_t header_bytes;
    size_t packet_bytes;
    struct __sk_buff context;
    struct net_syn output;
    unsigned outputs;
} machine;

static void *memory_at(uint64_t base, short offset)
{
    return (void *)(uintptr_t)(base + (uint64_t)(int64_t)offset);
}

static int64_t load_bytes(size_t start)
{
    size_t at = start + machine.registers[2];
    size_t count = machine.registers[4];
    CHECK(count > 0);
    if (at + count > machine.packet_bytes)
        return -14;
    memcpy(memory_at(machine.registers[3], 0), machine.packet + at, count);
    return 0;
}

static void call(int function)
{
    int64_t result = 0;
    if (function == BPF_FUNC_skb_load_bytes) {
        result = load_bytes(machine.header_bytes);
    } else if (function == BPF_FUNC_skb_load_bytes_relative) {
        CHECK(machine.registers[5] == BPF_HDR_START_NET);
        result = load_bytes(0);
    } else {
        CHECK(function == BPF_FUNC_ringbuf_output && machine.registers[1] == RING_FD);
        CHECK(machine.registers[3] == sizeof machine.output);
        memcpy(&machine.output, memory_at(machine.registers[2], 0), sizeof machine.output);
        machine.outputs++;
    }
    machine.registers[0] = (uint64_t)result;
    for (int i = 1; i <= 5; i++)
        machine.registers[i] = 0xdeaddeaddead;
}

static void load(const struct bpf_insn *instruction, uint64_t *destination, uint64_t source)
{
    uint8_t byte;
    uint32_t word;
    if (BPF_SIZE(instruction->code) == BPF_B) {
        memcpy(&byte, memory_at(source, instruction->off), sizeof byte);
        *destination = byte;
    } else {
        memcpy(&word, memory_at(source, instruction->off), sizeof word);
        *destination = word;
    }
}

/* Runs one instruction; returns how many more to skip, or -1 at the end. */
static int step(const struct bpf_insn *instruction)
{
    uint64_t *destination = &machine.registers[instruction->dst_reg];
    uint64_t source = machine.registers[instruction->src_reg];
    uint64_t value = (uint64_t)(int64_t)instruction->imm;
    switch (instruction->code) {
    case BPF_ALU64 | BPF_MOV | BPF_X:
        *destination = source;
        return 0;
    case BPF_ALU64 | BPF_MOV | BPF_K:
        *destination = value;
        return 0;
    case BPF_ALU64 | BPF_ADD | BPF_K:
        *destination += value;
        return 0;
    case BPF_ALU64 | BPF_AND | BPF_K:
        *destination &= value;
        return 0;
    case BPF_ALU64 | BPF_RSH | BPF_K:
        *destination >>= value;
        return 0;
    case BPF_LDX | BPF_MEM | BPF_B:
    case BPF_LDX | BPF_MEM | BPF_W:
        load(instruction, destination, source);
        return 0;
    case BPF_ST | BPF_MEM | BPF_W:
        memcpy(memory_at(*destination, instruction->off), &instruction->imm, 4);
        return 0;
    case BPF_ST | BPF_MEM | BPF_DW:
        memcpy(memory_at(*destination, instruction->off), &value, 8);
        return 0;
    case BPF_LD | BPF_DW | BPF_IMM:
        CHECK(instruction->src_reg == BPF_PSEUDO_MAP_FD);
        *destination = (uint32_t)instruction->imm;
        return 1;
    case BPF_JMP | BPF_JA:
        return instruction->off;
    case BPF_JMP | BPF_JNE | BPF_K:
        return *destination != value ? instruction->off : 0;
    case BPF_JMP | BPF_JLT | BPF_K:
        return *destination < value ? instruction->off : 0;
    case BPF_JMP | BPF_CALL:
        call(instruction->imm);
        return 0;
    default:
        CHECK(instruction->code == (BPF_JMP | BPF_EXIT));
        return -1;
    }
}

/* Returns the rest of the packet: 0 for nothing. */
static uint64_t run(void)
{
    memset(machine.registers, 0, sizeof machine.registers);
    memset(machine.stack, 0xee, sizeof machine.stack);
    machine.outputs = 0;
    machine.registers[1] = (uintptr_t)&machine.context;
    machine.registers[10] = (uintptr_t)machine.stack + sizeof machine.stack;
    for (size_t at = 0; at < program_length; at++) {
        int skipped = step(&program[at]);
        if (skipped < 0)
            return machine.registers[0];
        at += (size_t)skipped;
    }
    CHECK(false);
    return 0;
}

/* From port 40001 to port 443; `tcp_bytes` of header, of which each option byte is 0x77. */
static void make_packet(bool is_v4, uint8_t flags, uint8_t tcp_bytes)
{
    memset(machine.packet, 0, sizeof machine.packet);
    machine.header_bytes = is_v4 ? 20 : 40;
    machine.packet_bytes = machine.header_bytes + tcp_bytes;
    machine.context.protocol = htons(is_v4 ? ETH_P_IP : ETH_P_IPV6);
    CHECK(inet_pton(is_v4 ? AF_INET : AF_INET6, is_v4 ? "10.88.0.5" : "fd00::15", machine.packet + (is_v4 ? 12 : 8)) ==
          1);
    CHECK(inet_pton(is_v4 ? AF_INET : AF_INET6, is_v4 ? "203.0.113.9" : "2001:db8::9",
                    machine.packet + (is_v4 ? 16 : 24)) == 1);
    uint8_t *tcp = machine.packet + machine.header_bytes;
    const uint8_t start[20] = {
        0x9c,  0x41, 1,    0xbb, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, (uint8_t)(tcp_bytes / 4 << 4),
        flags, 0xfa, 0xf0, 0xba, 0xad, 0,    0};
    memset(tcp, 0x77, tcp_bytes);
    memcpy(tcp, start, sizeof start);
}

static void takes_a_syn_off_its_listener(void)
{
    for (int is_v4 = 0; is_v4 <= 1; is_v4++) {
        for (uint8_t tcp_bytes = 20; tcp_bytes <= 60; tcp_bytes += 4) {
            make_packet(is_v4 == 1, SYN, tcp_bytes);
            CHECK(run() == 0 && machine.outputs == 1);
            CHECK(machine.output.family == (is_v4 == 1 ? 4 : 6));
            CHECK(memcmp(machine.output.tcp, machine.packet + machine.header_bytes, tcp_bytes) == 0);
            CHECK(tcp_bytes == 60 || machine.output.tcp[tcp_bytes] == 0);
            CHECK(memcmp(machine.output.source, machine.packet + (is_v4 == 1 ? 12 : 8), is_v4 == 1 ? 4 : 16) == 0);
            CHECK(memcmp(machine.output.destination, machine.packet + (is_v4 == 1 ? 16 : 24), is_v4 == 1 ? 4 : 16) ==
                  0);
        }
    }
}

static void leaves_other_segments_to_the_kernel(void)
{
    const uint8_t flags[] = {ACK, SYN | ACK, 0x04, 0x14, 0x01, 0x03, 0};
    for (size_t i = 0; i < ARRAY_LENGTH(flags); i++) {
        make_packet(true, flags[i], 20);
        CHECK(run() > 60 && machine.outputs == 0);
    }
}

static void drops_a_header_that_is_none(void)
{
    make_packet(true, SYN, 40);
    machine.packet[20 + 12] = 4 << 4;
    CHECK(run() == 0 && machine.outputs == 0);
    make_packet(true, SYN, 40);
    machine.packet_bytes = 20 + 39;
    CHECK(run() == 0 && machine.outputs == 0);
    machine.packet_bytes = 20 + 19;
    CHECK(run() == 0 && machine.outputs == 0);
}

static uint16_t sum_of(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    while (sum >> 16 != 0)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

/* With the pseudo header and its checksum a segment of IPv4 adds up to all ones. */
static bool adds_up(const struct net_syn *syn, const uint8_t *segment, size_t size)
{
    uint8_t pseudo[12] = {[9] = IPPROTO_TCP, [11] = (uint8_t)size};
    memcpy(pseudo, syn->source, 4);
    memcpy(pseudo + 4, syn->destination, 4);
    return sum_of(sum_of(0, pseudo, sizeof pseudo), segment, size) == 0xffff;
}

static struct net_syn held(bool is_v4)
{
    make_packet(is_v4, SYN, 40);
    (void)run();
    return machine.output;
}

static void names_both_ends(void)
{
    struct net_syn syn = held(true);
    struct net_tuple tuple;
    CHECK(net_segment_tuple(&syn, &tuple));
    CHECK(tuple.local_port == 443 && tuple.remote_port == htons(40001));
    CHECK(memcmp(tuple.local.bytes + 12, syn.destination, 4) == 0 && net_address_is_v4(&tuple.remote));
    syn.tcp[12] = 0;
    CHECK(!net_segment_tuple(&syn, &tuple));
}

static void repeats_the_syn_with_its_options(void)
{
    uint8_t bytes[NET_SEGMENT_MAX_BYTES];
    struct net_syn syn = held(true);
    CHECK(net_segment_syn(&syn, bytes) == 40 && adds_up(&syn, bytes, 40));
    memcpy(bytes + 16, syn.tcp + 16, 2);
    CHECK(memcmp(bytes, syn.tcp, 40) == 0);
    syn = held(false);
    CHECK(net_segment_syn(&syn, bytes) == 40 && bytes[16] == 0 && bytes[17] == 0);
}

static void refuses_with_the_number_that_the_program_expects(void)
{
    static const uint8_t wanted[20] = {1, 0xbb, 0x9c, 0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x14};
    uint8_t bytes[NET_SEGMENT_MAX_BYTES];
    const struct net_syn syn = held(true);
    CHECK(net_segment_reset(&syn, bytes) == sizeof wanted && adds_up(&syn, bytes, sizeof wanted));
    memset(bytes + 16, 0, 2);
    /* 0xffffffff and one. */
    CHECK(memcmp(bytes, wanted, sizeof wanted) == 0);
}

static void tells_what_cannot_be_reached(void)
{
    uint8_t bytes[NET_SEGMENT_MAX_BYTES];
    struct net_syn syn = held(true);
    CHECK(net_segment_unreachable(&syn, NET_UNREACHABLE_HOST, bytes) == 36);
    CHECK(bytes[0] == 3 && bytes[1] == 1 && sum_of(0, bytes, 36) == 0xffff && sum_of(0, bytes + 8, 20) == 0xffff);
    CHECK(memcmp(bytes + 20, syn.source, 4) == 0 && memcmp(bytes + 28, syn.tcp, 8) == 0);
    CHECK(net_segment_unreachable(&syn, NET_UNREACHABLE_NETWORK, bytes) == 36 && bytes[1] == 0);
    syn = held(false);
    CHECK(net_segment_unreachable(&syn, NET_UNREACHABLE_HOST, bytes) == 56);
    CHECK(bytes[0] == 1 && bytes[1] == 3 && bytes[8] >> 4 == 6);
    CHECK(memcmp(bytes + 16, syn.source, 16) == 0 && memcmp(bytes + 48, syn.tcp, 8) == 0);
    CHECK(net_segment_unreachable(&syn, NET_UNREACHABLE_NETWORK, bytes) == 56 && bytes[1] == 0);
}

void unit_hold(void)
{
    program_length = net_hold_program_assemble(program, RING_FD);
    CHECK(program_length > 0);
    takes_a_syn_off_its_listener();
    leaves_other_segments_to_the_kernel();
    drops_a_header_that_is_none();
    names_both_ends();
    repeats_the_syn_with_its_options();
    refuses_with_the_number_that_the_program_expects();
    tells_what_cannot_be_reached();
}
