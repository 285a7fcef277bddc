/* Runs the steering program in an interpreter of the few operations that it uses, on a made-up lookup. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "net/bpf/program.h"
#include "net/packet/address.h"
#include "net/packet/tuple.h"
#include "runtime/util.h"
#include "unit.h"

#define OWN_FD 100
#define SOCKETS_FD 200
#define ACCEPTED_FD 300
#define NOTHING_ASSIGNED 99

static struct bpf_insn program[NET_PROGRAM_MAX_INSTRUCTIONS];
static size_t program_length;

static struct {
    uint64_t registers[11];
    uint8_t stack[512];
    const struct bpf_sk_lookup *lookup;
    uint32_t assigned;
    uint32_t released;
    int assign_result;
} machine;

static struct net_address own;
/* The one connection that the host has accepted. */
static struct net_tuple accepted;
static uint8_t accepted_how = NET_ACCEPTED;

static void *memory_at(uint64_t base, short offset)
{
    return (void *)(uintptr_t)(base + (uint64_t)(int64_t)offset);
}

static uint64_t look_up(void)
{
    uint32_t key;
    if (machine.registers[1] == OWN_FD)
        return memcmp(memory_at(machine.registers[2], 0), &own, sizeof own) == 0 ? (uintptr_t)&own : 0;
    if (machine.registers[1] == ACCEPTED_FD)
        return memcmp(memory_at(machine.registers[2], 0), &accepted, sizeof accepted) == 0 ? (uintptr_t)&accepted_how
                                                                                           : 0;
    memcpy(&key, memory_at(machine.registers[2], 0), sizeof key);
    /* A socket is its key plus one, so that none is NULL. */
    return machine.registers[1] == SOCKETS_FD && key < NET_SOCKETS ? key + 1 : 0;
}

static void call(int function)
{
    if (function == BPF_FUNC_map_lookup_elem) {
        machine.registers[0] = look_up();
    } else if (function == BPF_FUNC_sk_assign) {
        CHECK(machine.registers[1] == (uintptr_t)machine.lookup);
        machine.assigned = (uint32_t)machine.registers[2] - 1;
        machine.registers[0] = (uint64_t)(int64_t)machine.assign_result;
    } else {
        CHECK(function == BPF_FUNC_sk_release);
        machine.released = (uint32_t)machine.registers[1] - 1;
        machine.registers[0] = 0;
    }
    /* The kernel clobbers these registers. */
    for (int i = 1; i <= 5; i++)
        machine.registers[i] = 0xdeaddeaddead;
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
    case BPF_LDX | BPF_MEM | BPF_W: {
        uint32_t word;
        memcpy(&word, memory_at(source, instruction->off), sizeof word);
        *destination = word;
        return 0;
    }
    case BPF_LDX | BPF_MEM | BPF_B: {
        uint8_t byte;
        memcpy(&byte, memory_at(source, instruction->off), sizeof byte);
        *destination = byte;
        return 0;
    }
    case BPF_LDX | BPF_MEM | BPF_H: {
        uint16_t half;
        memcpy(&half, memory_at(source, instruction->off), sizeof half);
        *destination = half;
        return 0;
    }
    case BPF_STX | BPF_MEM | BPF_H:
        memcpy(memory_at(*destination, instruction->off), &source, 2);
        return 0;
    case BPF_STX | BPF_MEM | BPF_W:
        memcpy(memory_at(*destination, instruction->off), &source, 4);
        return 0;
    case BPF_ST | BPF_MEM | BPF_W:
        memcpy(memory_at(*destination, instruction->off), &instruction->imm, 4);
        return 0;
    case BPF_LD | BPF_DW | BPF_IMM:
        CHECK(instruction->src_reg == BPF_PSEUDO_MAP_FD);
        *destination = (uint32_t)instruction->imm;
        return 1;
    case BPF_JMP | BPF_JA:
        return instruction->off;
    case BPF_JMP | BPF_JEQ | BPF_K:
        return *destination == value ? instruction->off : 0;
    case BPF_JMP | BPF_JNE | BPF_K:
        return *destination != value ? instruction->off : 0;
    case BPF_JMP | BPF_CALL:
        call(instruction->imm);
        return 0;
    default:
        CHECK(instruction->code == (BPF_JMP | BPF_EXIT));
        return -1;
    }
}

static uint64_t run(const struct bpf_sk_lookup *lookup)
{
    memset(&machine, 0, sizeof machine);
    machine.lookup = lookup;
    machine.assigned = NOTHING_ASSIGNED;
    machine.released = NOTHING_ASSIGNED;
    machine.registers[1] = (uintptr_t)lookup;
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

static struct bpf_sk_lookup lookup_to(const char *address, uint32_t protocol, uint32_t port)
{
    struct bpf_sk_lookup lookup;
    memset(&lookup, 0, sizeof lookup);
    bool is_v4 = strchr(address, ':') == NULL;
    lookup.family = is_v4 ? AF_INET : AF_INET6;
    lookup.protocol = protocol;
    lookup.local_port = port;
    CHECK(inet_pton((int)lookup.family, address, is_v4 ? (void *)&lookup.local_ip4 : (void *)lookup.local_ip6) == 1);
    return lookup;
}

static bool passes(const char *address, uint32_t protocol, uint32_t port)
{
    const struct bpf_sk_lookup lookup = lookup_to(address, protocol, port);
    return run(&lookup) == SK_PASS && machine.assigned == NOTHING_ASSIGNED;
}

static bool is_dropped(const char *address, uint32_t protocol, uint32_t port)
{
    const struct bpf_sk_lookup lookup = lookup_to(address, protocol, port);
    return run(&lookup) == SK_DROP;
}

/* Returns the key of the socket that the program assigned; checks that it released its reference. */
static uint32_t steers(const char *address, uint32_t protocol, uint32_t port)
{
    const struct bpf_sk_lookup lookup = lookup_to(address, protocol, port);
    bool is_passed = run(&lookup) == SK_PASS;
    CHECK(machine.assigned == machine.released);
    return is_passed ? machine.assigned : NOTHING_ASSIGNED;
}

static void assembles_within_its_bounds(void)
{
    const struct net_program_maps maps = {
        .own_addresses_fd = OWN_FD, .accepted_fd = ACCEPTED_FD, .sockets_fd = SOCKETS_FD};
    program_length = net_program_assemble(program, &maps);
    CHECK(program_length > 0 && program_length <= NET_PROGRAM_MAX_INSTRUCTIONS);
    CHECK(program[program_length - 1].code == (BPF_JMP | BPF_EXIT));
}

static void leaves_local_addresses_alone(void)
{
    static const uint8_t own_v4[4] = NET_OWN_V4;
    static const uint8_t own_v6[16] = NET_OWN_V6;
    own = net_address_v4(own_v4);
    CHECK(passes("127.0.0.1", IPPROTO_TCP, 80));
    CHECK(passes("127.255.255.254", IPPROTO_UDP, 53));
    CHECK(passes("10.0.2.15", IPPROTO_TCP, 443));
    CHECK(passes("10.0.2.15", IPPROTO_UDP, 53));
    own = net_address_v6(own_v6);
    CHECK(passes("fd00::15", IPPROTO_TCP, 443));
    CHECK(passes("fd00::15", IPPROTO_UDP, 123));
}

static void holds_connections_to_any_other_address(void)
{
    CHECK(steers("93.184.216.34", IPPROTO_TCP, 443) == NET_SOCKET_HELD_V4);
    CHECK(steers("169.254.169.254", IPPROTO_TCP, 80) == NET_SOCKET_HELD_V4);
    CHECK(steers("10.0.2.16", IPPROTO_TCP, 65535) == NET_SOCKET_HELD_V4);
    CHECK(steers("126.255.255.255", IPPROTO_TCP, 53) == NET_SOCKET_HELD_V4);
    CHECK(steers("128.0.0.1", IPPROTO_TCP, 1) == NET_SOCKET_HELD_V4);
    CHECK(steers("2001:db8::1", IPPROTO_TCP, 443) == NET_SOCKET_HELD_V6);
    CHECK(steers("fd00::16", IPPROTO_TCP, 22) == NET_SOCKET_HELD_V6);
}

/* Sets the lookup's remote end; every other connection is still held. */
static void steers_accepted_connections_to_the_listener(void)
{
    static const uint8_t client_v4[4] = {10, 0, 2, 15};
    static const uint8_t server_v4[4] = {93, 184, 216, 34};
    static const uint8_t server_v6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 1};
    accepted = (struct net_tuple){.local = net_address_v4(server_v4),
                                  .remote = net_address_v4(client_v4),
                                  .local_port = 443,
                                  .remote_port = htons(40001)};
    struct bpf_sk_lookup lookup = lookup_to("93.184.216.34", IPPROTO_TCP, 443);
    memcpy(&lookup.remote_ip4, client_v4, sizeof client_v4);
    lookup.remote_port = htons(40001);
    CHECK(run(&lookup) == SK_PASS && machine.assigned == NET_SOCKET_TCP_V4);
    lookup.remote_port = htons(40002);
    CHECK(run(&lookup) == SK_PASS && machine.assigned == NET_SOCKET_HELD_V4);
    lookup.remote_port = htons(40001);
    lookup.local_port = 444;
    CHECK(run(&lookup) == SK_PASS && machine.assigned == NET_SOCKET_HELD_V4);
    accepted = (struct net_tuple){.local = net_address_v6(server_v6),
                                  .remote = net_address_v6(server_v6),
                                  .local_port = 22,
                                  .remote_port = htons(50000)};
    lookup = lookup_to("2001:db8::1", IPPROTO_TCP, 22);
    memcpy(lookup.remote_ip6, server_v6, sizeof server_v6);
    lookup.remote_port = htons(50000);
    CHECK(run(&lookup) == SK_PASS && machine.assigned == NET_SOCKET_TCP_V6);
    accepted_how = NET_ACCEPTED_EARLY;
    CHECK(run(&lookup) == SK_PASS && machine.assigned == NET_SOCKET_EARLY_V6);
    accepted_how = NET_ACCEPTED;
    lookup.remote_ip6[3] ^= htonl(1);
    CHECK(run(&lookup) == SK_PASS && machine.assigned == NET_SOCKET_HELD_V6);
}

static void steers_names_and_refuses_other_datagrams(void)
{
    CHECK(steers("10.0.2.3", IPPROTO_UDP, 53) == NET_SOCKET_UDP_V4);
    CHECK(steers("8.8.8.8", IPPROTO_UDP, 53) == NET_SOCKET_UDP_V4);
    CHECK(steers("2001:4860:4860::8888", IPPROTO_UDP, 53) == NET_SOCKET_UDP_V6);
    CHECK(steers("8.8.8.8", IPPROTO_UDP, 443) == NET_SOCKET_REFUSED_V4);
    CHECK(steers("10.0.2.3", IPPROTO_UDP, 1) == NET_SOCKET_REFUSED_V4);
    CHECK(is_dropped("2001:db8::1", IPPROTO_UDP, 443));
    CHECK(is_dropped("2001:db8::1", IPPROTO_UDP, 54));
}

void unit_program(void)
{
    assembles_within_its_bounds();
    leaves_local_addresses_alone();
    holds_connections_to_any_other_address();
    steers_accepted_connections_to_the_listener();
    steers_names_and_refuses_other_datagrams();
}
