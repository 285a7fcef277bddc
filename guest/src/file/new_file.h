/* One file of `new_files`: its data, which the host does not have yet, and what can be replied from it. */
#ifndef GONDOLIN_NEW_FILE_H
#define GONDOLIN_NEW_FILE_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

/* A host program that looks at a file which is still open sees what was written this long before. */
#define NEW_FILE_WAIT_MS 20
#define NEW_FILE_MAX_NAME_BYTES 255

enum new_file_state { UNUSED, WAITING, SENT, FAILED };

struct new_file {
    enum new_file_state state;
    uint64_t node;
    uint64_t handle;
    uint64_t parent;
    /* SENT: the WRITE's. The kernel waits for the reply if it is that of a FLUSH. */
    uint64_t unique;
    bool is_flush;
    /* The host has changed the file. */
    bool is_stale;
    /* FAILED: the negative error of the WRITE, until a FLUSH or an FSYNC gets it. */
    int32_t error;
    int64_t sent_at_ms;
    uint32_t used;
    /* The data is from `start` to `end`; what is missing in between is zeros, as in the file. */
    uint32_t start;
    uint32_t end;
    struct fuse_in_header writer;
    struct fuse_attr attributes;
    size_t name_length;
    uint8_t name[NEW_FILE_MAX_NAME_BYTES];
    /* Room for the header of the WRITE, then the file from its first byte. */
    uint8_t bytes[sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in) + GONDOLIN_MAX_WRITTEN_BYTES];
};

bool new_file_has_data(const struct new_file *file);

/* Replies to a WRITE, READ or GETATTR by the file's handle. Returns false when the host must reply. */
bool new_file_answer(int device_fd, struct new_file *file, const struct fuse_in_header *header, const uint8_t *request,
                     size_t length);

/* Returns a WRITE of the data. `length` receives its size. What is before it in `bytes` is lost. */
const uint8_t *new_file_encode(struct new_file *file, uint64_t unique, size_t *length);

/* Whether the host's reply to a request could depend on the data. */
bool new_file_concerns(const struct new_file *file, const struct fuse_in_header *header, const uint8_t *request,
                       size_t length);

#endif
