#include "net/bpf/steer.h"

#include <fcntl.h>

#include "net/bpf/bpf.h"
#include "net/bpf/program.h"
#include "runtime/util.h"

#define MAX_OWN_ADDRESSES 4096

static struct {
    struct net_program_maps maps;
    int program_fd;
} steer = {.program_fd = -1};

bool net_steer_load(struct failure *failure)
{
    struct bpf_insn program[NET_PROGRAM_MAX_INSTRUCTIONS];
    struct net_program_maps *maps = &steer.maps;
    maps->own_addresses_fd =
        net_bpf_create_map(BPF_MAP_TYPE_HASH, sizeof(struct net_address), 1, MAX_OWN_ADDRESSES, BPF_F_NO_PREALLOC);
    maps->accepted_fd =
        net_bpf_create_map(BPF_MAP_TYPE_HASH, sizeof(struct net_tuple), 1, NET_STEER_MAX_ACCEPTED, BPF_F_NO_PREALLOC);
    maps->sockets_fd = net_bpf_create_map(BPF_MAP_TYPE_SOCKMAP, sizeof(uint32_t), sizeof(uint64_t), NET_SOCKETS, 0);
    if (maps->own_addresses_fd < 0 || maps->accepted_fd < 0 || maps->sockets_fd < 0)
        return failed(failure, "bpf map");
    size_t length = net_program_assemble(program, maps);
    steer.program_fd = net_bpf_load(BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, program, length);
    return steer.program_fd >= 0 || failed(failure, "bpf program");
}

bool net_steer_set_socket(unsigned key, int fd, struct failure *failure)
{
    const uint32_t map_key = key;
    const uint64_t value = (uint64_t)fd;
    return net_bpf_update_map(steer.maps.sockets_fd, &map_key, &value) == 0 || failed(failure, "bpf socket %u", key);
}

static int set_key(int fd, const void *key, uint8_t value)
{
    return value != 0 ? net_bpf_update_map(fd, key, &value) : net_bpf_delete_key(fd, key);
}

int net_steer_set_own(const struct net_address *address, bool is_own)
{
    return set_key(steer.maps.own_addresses_fd, address, is_own ? 1 : 0);
}

int net_steer_set_accepted(const struct net_tuple *tuple, uint8_t how)
{
    return set_key(steer.maps.accepted_fd, tuple, how);
}

bool net_steer_attach(struct failure *failure)
{
    union bpf_attr attributes;
    AUTO_CLOSE int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (network < 0)
        return failed(failure, "open the network namespace");
    memset(&attributes, 0, sizeof attributes);
    attributes.link_create.prog_fd = (uint32_t)steer.program_fd;
    attributes.link_create.target_fd = (uint32_t)network;
    attributes.link_create.attach_type = BPF_SK_LOOKUP;
    /* The link lives as long as this descriptor, which is never closed. */
    int link = net_bpf(BPF_LINK_CREATE, &attributes);
    if (link < 0)
        return failed(failure, "bpf link");
    return true;
}
