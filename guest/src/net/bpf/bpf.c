#include "net/bpf/bpf.h"

#include <stdio.h>
#include <sys/syscall.h>

#include "runtime/log.h"
#include "runtime/util.h"

#define VERIFIER_LOG_BYTES 16384

int net_bpf(int command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

int net_bpf_create_map(uint32_t type, uint32_t key_bytes, uint32_t value_bytes, uint32_t entries, uint32_t flags)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = type;
    attributes.key_size = key_bytes;
    attributes.value_size = value_bytes;
    attributes.max_entries = entries;
    attributes.map_flags = flags;
    return net_bpf(BPF_MAP_CREATE, &attributes);
}

int net_bpf_update_map(int fd, const void *key, const void *value)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)fd;
    attributes.key = (uintptr_t)key;
    attributes.value = (uintptr_t)value;
    attributes.flags = BPF_ANY;
    return net_bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

int net_bpf_delete_key(int fd, const void *key)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)fd;
    attributes.key = (uintptr_t)key;
    int result = net_bpf(BPF_MAP_DELETE_ELEM, &attributes);
    return result != 0 && errno == ENOENT ? 0 : result;
}

static int load(uint32_t type, uint32_t attach_type, const struct bpf_insn *program, size_t length, char *log,
                uint32_t log_bytes)
{
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = type;
    attributes.expected_attach_type = attach_type;
    attributes.insns = (uintptr_t)program;
    attributes.insn_cnt = (uint32_t)length;
    attributes.license = (uintptr_t) "Apache-2.0";
    attributes.log_buf = (uintptr_t)log;
    attributes.log_size = log_bytes;
    attributes.log_level = log == NULL ? 0 : 1;
    (void)snprintf(attributes.prog_name, sizeof attributes.prog_name, "gondolin");
    return net_bpf(BPF_PROG_LOAD, &attributes);
}

int net_bpf_load(uint32_t type, uint32_t attach_type, const struct bpf_insn *program, size_t length)
{
    int fd = load(type, attach_type, program, length, NULL, 0);
    if (fd >= 0)
        return fd;
    int error = errno;
    AUTO_FREE char *log = calloc(1, VERIFIER_LOG_BYTES);
    if (log != NULL) {
        close_quietly(load(type, attach_type, program, length, log, VERIFIER_LOG_BYTES));
        log_console("network program: %s", log);
    }
    errno = error;
    return -1;
}
