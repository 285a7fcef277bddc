#include "net/bpf/program.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "net/bpf/bpf_asm.h"
#include "net/packet/tuple.h"
#include "runtime/util.h"

enum label {
    LABEL_V6,
    LABEL_LOOK_UP,
    LABEL_DATAGRAM,
    LABEL_NAMES,
    LABEL_REMOTE_V6,
    LABEL_PORTS,
    LABEL_ACCEPTED,
    LABEL_STEER,
    LABEL_PASS,
    LABEL_DROP,
};

#define FIELD(name) ((short)offsetof(struct bpf_sk_lookup, name))
#define LOAD(dst, name) LOAD_FROM(BPF_W, dst, BPF_REG_6, FIELD(name))

/* The stack: a net_tuple, which starts with the address here, and below it the key of the map of sockets. */
#define STACK_TUPLE (-(int)sizeof(struct net_tuple))
#define STACK_ADDRESS STACK_TUPLE
#define STACK_REMOTE (STACK_TUPLE + (int)offsetof(struct net_tuple, remote))
#define STACK_LOCAL_PORT (STACK_TUPLE + (int)offsetof(struct net_tuple, local_port))
#define STACK_REMOTE_PORT (STACK_TUPLE + (int)offsetof(struct net_tuple, remote_port))
#define STACK_KEY (STACK_TUPLE - 4)

size_t net_program_assemble(struct bpf_insn *program, const struct net_program_maps *maps)
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
        MAP(BPF_REG_1, maps->own_addresses_fd),
        CALL(BPF_FUNC_map_lookup_elem),
        IF_NOT_EQUAL(BPF_REG_0, 0, LABEL_PASS),
        IF_NOT_EQUAL(BPF_REG_7, IPPROTO_TCP, LABEL_DATAGRAM),
        IF_EQUAL(BPF_REG_9, NET_SOCKET_TCP_V6, LABEL_REMOTE_V6),
        LOAD(BPF_REG_8, remote_ip4),
        STORE_VALUE(STACK_REMOTE, 0),
        STORE_VALUE(STACK_REMOTE + 4, 0),
        STORE_VALUE(STACK_REMOTE + 8, htonl(0xffff)),
        STORE(STACK_REMOTE + 12, BPF_REG_8),
        GO(LABEL_PORTS),
        LABEL(LABEL_REMOTE_V6),
        LOAD(BPF_REG_8, remote_ip6[0]),
        STORE(STACK_REMOTE, BPF_REG_8),
        LOAD(BPF_REG_8, remote_ip6[1]),
        STORE(STACK_REMOTE + 4, BPF_REG_8),
        LOAD(BPF_REG_8, remote_ip6[2]),
        STORE(STACK_REMOTE + 8, BPF_REG_8),
        LOAD(BPF_REG_8, remote_ip6[3]),
        STORE(STACK_REMOTE + 12, BPF_REG_8),
        LABEL(LABEL_PORTS),
        LOAD(BPF_REG_8, local_port),
        STORE_HALF(STACK_LOCAL_PORT, BPF_REG_8),
        LOAD_FROM(BPF_H, BPF_REG_8, BPF_REG_6, FIELD(remote_port)),
        STORE_HALF(STACK_REMOTE_PORT, BPF_REG_8),
        MOVE(BPF_REG_2, BPF_REG_10),
        ADD(BPF_REG_2, STACK_TUPLE),
        MAP(BPF_REG_1, maps->accepted_fd),
        CALL(BPF_FUNC_map_lookup_elem),
        IF_NOT_EQUAL(BPF_REG_0, 0, LABEL_ACCEPTED),
        ADD(BPF_REG_9, NET_SOCKET_HELD_V4 - NET_SOCKET_TCP_V4),
        GO(LABEL_STEER),
        LABEL(LABEL_ACCEPTED),
        LOAD_FROM(BPF_B, BPF_REG_8, BPF_REG_0, 0),
        IF_EQUAL(BPF_REG_8, NET_ACCEPTED, LABEL_STEER),
        ADD(BPF_REG_9, NET_SOCKET_EARLY_V4 - NET_SOCKET_TCP_V4),
        GO(LABEL_STEER),
        LABEL(LABEL_DATAGRAM),
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
        MAP(BPF_REG_1, maps->sockets_fd),
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
    return bpf_asm_resolve(source, ARRAY_LENGTH(source), program, NET_PROGRAM_MAX_INSTRUCTIONS);
}
