/* bpf(2): maps and programs. All return -1 with errno on failure. */
#ifndef GONDOLIN_NET_BPF_H
#define GONDOLIN_NET_BPF_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

int net_bpf(int command, union bpf_attr *attributes);

int net_bpf_create_map(uint32_t type, uint32_t key_bytes, uint32_t value_bytes, uint32_t entries, uint32_t flags);
int net_bpf_update_map(int fd, const void *key, const void *value);

/* A missing key is not a failure. */
int net_bpf_delete_key(int fd, const void *key);

/* Returns the descriptor of a loaded program; if the verifier rejects it, its last words go to the console. */
int net_bpf_load(uint32_t type, uint32_t attach_type, const struct bpf_insn *program, size_t length);

#endif
