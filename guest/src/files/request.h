/* Requests of "Guest files" in docs/protocol.md: bounded decoding. Pure, no I/O. */
#ifndef GONDOLIN_FILES_REQUEST_H
#define GONDOLIN_FILES_REQUEST_H

#include <stdbool.h>

#include "channel/wire.h"
#include "protocol.h"

struct files_target {
    uint8_t kind;
    /* Only for FILES_TARGET_HANDLE; otherwise `path` of the request is the target. */
    uint32_t handle;
};

struct files_change {
    uint32_t which;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
    uint64_t size;
    int64_t atime_ns;
    int64_t mtime_ns;
};

struct files_request {
    uint32_t id;
    uint8_t operation;
    /* OPEN, LIST, MKDIR, REMOVE (its kind), SYNC, ACCESS (its mode). */
    uint32_t flags;
    uint32_t mode;
    /* Below GONDOLIN_MAX_FILES_HANDLES. */
    uint32_t handle;
    struct files_target target;
    struct files_change change;
    uint64_t offset;
    uint32_t length;
    /* Points into the bytes that were decoded. */
    struct wire_string data;
    char path[GONDOLIN_MAX_FILES_PATH_BYTES + 1];
    /* The second path of RENAME, LINK and SYMLINK. */
    char other[GONDOLIN_MAX_FILES_PATH_BYTES + 1];
};

enum files_result {
    FILES_WHOLE,
    FILES_INCOMPLETE,
    FILES_BROKEN,
};

/* Decodes the first request of `bytes`; on FILES_WHOLE, `size` is the number of its bytes. */
enum files_result files_decode(const uint8_t *bytes, size_t count, struct files_request *request, size_t *size);

#endif
