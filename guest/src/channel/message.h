/* Control messages: decodes the host's requests, encodes the guest's replies. Pure, no I/O. */
#ifndef GONDOLIN_MESSAGE_H
#define GONDOLIN_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/wire.h"
#include "protocol.h"

enum message_result {
    MESSAGE_OK = 0,
    MESSAGE_BAD_HEADER,
    MESSAGE_UNKNOWN_TYPE,
    MESSAGE_BAD_BODY,
};

struct root_request {
    char *device;
    char *filesystem;
    uint8_t mode;
};

struct identity_request {
    uint64_t realtime_ns;
    char *hostname;
    /* Text for /etc/machine-id and /proc/sys/kernel/random/boot_id; empty: unchanged. */
    char *machine_id;
    char *boot_id;
    /* Points into the payload. */
    struct wire_string entropy;
};

struct thaw_request {
    uint8_t flags;
    struct identity_request identity;
};

struct mount_request {
    uint8_t kind;
    uint8_t flags;
    char *source;
    char *target;
    uint64_t size_bytes;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
};

/* In characters. */
struct terminal_size {
    uint16_t rows;
    uint16_t columns;
};

/* EXEC and FILES. */
struct exec_request {
    uint32_t stdin_stream;
    uint32_t stdout_stream;
    uint32_t stderr_stream;
    char *user;
    char *cwd;
    /* NULL for FILES: the agent's own program. */
    char **argv;
    char **env;
    size_t argc;
    size_t envc;
    bool has_terminal;
    /* 0 by 0 without a terminal. */
    struct terminal_size size;
};

struct resize_request {
    uint32_t exec_request_id;
    struct terminal_size size;
};

struct kill_request {
    uint32_t exec_request_id;
    uint32_t signal;
    uint8_t scope;
};

struct network_request {
    /* 0 if the host does not know one yet. */
    uint8_t flags;
};

struct file_request {
    char *path;
    uint8_t flags;
    uint32_t mode;
    /* Points into the payload. */
    struct wire_string content;
};

struct message {
    uint16_t type;
    uint32_t request_id;
    union {
        struct root_request root;
        struct identity_request identity;
        struct mount_request mount;
        struct exec_request exec;
        struct kill_request kill;
        struct thaw_request thaw;
        struct network_request network;
        struct file_request file;
        struct resize_request resize;
    } body;
};

/* Decodes a MESSAGE payload. `type` and `request_id` are set unless MESSAGE_BAD_HEADER. Always message_free() it. */
enum message_result message_decode(const uint8_t *payload, size_t length, struct message *message);
void message_free(struct message *message);

/* Frees the texts of a request that was moved out of its message. */
void message_free_exec(struct exec_request *exec);
const char *message_strerror(enum message_result result);

/* Each encoder starts a message in `writer`; check `writer->failed` once at the end. */
void message_encode_header(struct wire_writer *writer, uint16_t type, uint32_t request_id);
void message_encode_hello(struct wire_writer *writer, const char *version, const char *kernel);
void message_encode_frozen(struct wire_writer *writer, uint32_t request_id, uint64_t sent_bytes,
                           uint64_t received_bytes, uint32_t counter_khz);
void message_encode_failed(struct wire_writer *writer, uint32_t request_id, int error, const char *stage);
void message_encode_exited(struct wire_writer *writer, uint32_t request_id, uint8_t kind, uint8_t flags,
                           uint16_t value);
void message_encode_log(struct wire_writer *writer, uint8_t level, const char *text);

#endif
