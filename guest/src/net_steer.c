#include "net_steer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "log.h"
#include "net_program.h"
#include "util.h"

#define MAX_OWN_ADDRESSES 4096
#define VERIFIER_LOG_BYTES 16384

static struct {
    int own_fd;
    int sockets_fd;
    int program_fd;
} steer = {.own_fd = -1, .sockets_fd = -1, .program_fd = -1};

static int bpf(int command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int create_map(uint32_t type, uint32_t key_bytes, uint32_t value_bytes, uint32_t entries, uint32_t flags)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = type;
    attributes.key_size = key_bytes;
    attributes.value_size = value_bytes;
    attributes.max_entries = entries;
    attributes.map_flags = flags;
    return bpf(BPF_MAP_CREATE, &attributes);
}

static int update_map(int fd, const void *key, const void *value)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)fd;
    attributes.key = (uintptr_t)key;
    attributes.value = (uintptr_t)value;
    attributes.flags = BPF_ANY;
    return bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

static int load_program(const struct bpf_insn *program, size_t length, char *log, uint32_t log_bytes)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_SK_LOOKUP;
    attributes.expected_attach_type = BPF_SK_LOOKUP;
    attributes.insns = (uintptr_t)program;
    attributes.insn_cnt = (uint32_t)length;
    attributes.license = (uintptr_t) "Apache-2.0";
    attributes.log_buf = (uintptr_t)log;
    attributes.log_size = log_bytes;
    attributes.log_level = log == NULL ? 0 : 1;
    (void)snprintf(attributes.prog_name, sizeof attributes.prog_name, "gondolin");
    return bpf(BPF_PROG_LOAD, &attributes);
}

/* The verifier's last words, for the console: they say which instruction a kernel does not like. */
static void explain(const struct bpf_insn *program, size_t length)
{
    int error = errno;
    AUTO_FREE char *log = calloc(1, VERIFIER_LOG_BYTES);
    if (log != NULL) {
        close_quietly(load_program(program, length, log, VERIFIER_LOG_BYTES));
        log_console("network program: %s", log);
    }
    errno = error;
}

bool net_steer_load(struct failure *failure)
{
    struct bpf_insn program[NET_PROGRAM_MAX_INSTRUCTIONS];
    steer.own_fd = create_map(BPF_MAP_TYPE_HASH, sizeof(struct net_address), 1, MAX_OWN_ADDRESSES, BPF_F_NO_PREALLOC);
    steer.sockets_fd = create_map(BPF_MAP_TYPE_SOCKMAP, sizeof(uint32_t), sizeof(uint64_t), NET_SOCKETS, 0);
    if (steer.own_fd < 0 || steer.sockets_fd < 0)
        return failed(failure, "bpf map");
    size_t length = net_program_assemble(program, steer.own_fd, steer.sockets_fd);
    steer.program_fd = load_program(program, length, NULL, 0);
    if (steer.program_fd >= 0)
        return true;
    explain(program, length);
    return failed(failure, "bpf program");
}

bool net_steer_set_socket(unsigned key, int fd, struct failure *failure)
{
    const uint32_t map_key = key;
    const uint64_t value = (uint64_t)fd;
    return update_map(steer.sockets_fd, &map_key, &value) == 0 || failed(failure, "bpf socket %u", key);
}

int net_steer_set_own(const struct net_address *address, bool is_own)
{
    const uint8_t value = 1;
    if (is_own)
        return update_map(steer.own_fd, address, &value);
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)steer.own_fd;
    attributes.key = (uintptr_t)address;
    int result = bpf(BPF_MAP_DELETE_ELEM, &attributes);
    return result != 0 && errno == ENOENT ? 0 : result;
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
    /* The link lives as long as this descriptor: for ever. */
    int link = bpf(BPF_LINK_CREATE, &attributes);
    if (link < 0)
        return failed(failure, "bpf link");
    return true;
}
