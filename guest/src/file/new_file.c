#include "file/new_file.h"

#include <fcntl.h>
#include <string.h>

#include "file/fuse_body.h"
#include "file/kernel_reply.h"
#include "file/reply_disk.h"
#include "runtime/clock.h"

/* Before the data of a WRITE. */
#define WRITE_HEADER_BYTES (FUSE_BODY_AT + sizeof(struct fuse_write_in))
/* WRITEs that do more than write, or whose data must be at the host when they return. */
#define DIRECT_FLAGS (O_APPEND | O_DIRECT | O_DSYNC | O_SYNC)

bool new_file_has_data(const struct new_file *file)
{
    return file->start < file->end;
}

static bool answer_write(int device_fd, struct new_file *file, const struct fuse_in_header *header,
                         const uint8_t *request, size_t length)
{
    struct fuse_write_in asked;
    if (!fuse_body(request, length, &asked, sizeof asked) || asked.fh != file->handle ||
        (asked.flags & DIRECT_FLAGS) != 0 || (asked.write_flags & ~(uint32_t)FUSE_WRITE_LOCKOWNER) != 0 ||
        asked.size != length - WRITE_HEADER_BYTES || asked.size > GONDOLIN_MAX_WRITTEN_BYTES ||
        asked.offset > GONDOLIN_MAX_WRITTEN_BYTES - asked.size)
        return false;
    const uint32_t offset = (uint32_t)asked.offset;
    if (!new_file_has_data(file)) {
        file->sent_at_ms = clock_coarse_ms() + NEW_FILE_WAIT_MS;
        file->start = offset;
    }
    memcpy(file->bytes + WRITE_HEADER_BYTES + offset, request + WRITE_HEADER_BYTES, asked.size);
    file->writer = *header;
    file->start = offset < file->start ? offset : file->start;
    file->end = offset + asked.size > file->end ? offset + asked.size : file->end;
    const struct fuse_write_out written = {.size = asked.size};
    kernel_reply(device_fd, header->unique, 0, &written, sizeof written);
    return true;
}

static bool answer_read(int device_fd, struct new_file *file, const struct fuse_in_header *header,
                        const uint8_t *request, size_t length)
{
    struct fuse_read_in asked;
    if (!fuse_body(request, length, &asked, sizeof asked) || asked.fh != file->handle || (asked.flags & O_DIRECT) != 0)
        return false;
    kernel_reply_read(device_fd, header->unique, &asked, file->bytes + WRITE_HEADER_BYTES, file->end);
    file->used |= FUSE_USED_DATA;
    return true;
}

/*
 * A kernel that names the handle wants to know the size only, for a read or a seek. The times are those from before the WRITEs, so that it
 * keeps the data, and valid for no time: a program that asks for them gets the host's.
 */
static bool answer_attributes(int device_fd, struct new_file *file, const struct fuse_in_header *header,
                              const uint8_t *request, size_t length)
{
    struct fuse_getattr_in asked;
    if (!fuse_body(request, length, &asked, sizeof asked) || (asked.getattr_flags & FUSE_GETATTR_FH) == 0 ||
        asked.fh != file->handle)
        return false;
    struct fuse_attr_out attributes = {.attr = file->attributes};
    attributes.attr.size = file->end;
    kernel_reply(device_fd, header->unique, 0, &attributes, sizeof attributes);
    file->used |= FUSE_USED_ATTRIBUTES;
    return true;
}

bool new_file_answer(int device_fd, struct new_file *file, const struct fuse_in_header *header, const uint8_t *request,
                     size_t length)
{
    switch (header->opcode) {
    case FUSE_WRITE:
        return answer_write(device_fd, file, header, request, length);
    case FUSE_READ:
        return answer_read(device_fd, file, header, request, length);
    case FUSE_GETATTR:
        return answer_attributes(device_fd, file, header, request, length);
    default:
        return false;
    }
}

const uint8_t *new_file_encode(struct new_file *file, uint64_t unique, size_t *length)
{
    const struct fuse_write_in body = {
        .fh = file->handle,
        .offset = file->start,
        .size = file->end - file->start,
        .flags = O_RDWR,
        .padding = file->used,
    };
    struct fuse_in_header header = file->writer;
    uint8_t *message = file->bytes + file->start;
    *length = WRITE_HEADER_BYTES + body.size;
    header.len = (uint32_t)*length;
    header.unique = unique;
    memcpy(message, &header, sizeof header);
    memcpy(message + FUSE_BODY_AT, &body, sizeof body);
    reply_disk_mark(message);
    return message;
}

/* Whether the name that the request contains is the file's. */
static bool names(const struct new_file *file, const struct fuse_in_header *header, const uint8_t *request,
                  size_t length, size_t name_at)
{
    return header->nodeid == file->parent && length == FUSE_BODY_AT + name_at + file->name_length + 1 &&
           memcmp(request + FUSE_BODY_AT + name_at, file->name, file->name_length) == 0;
}

/* Whether the reply of the host could depend on the data of the file. */
bool new_file_concerns(const struct new_file *file, const struct fuse_in_header *header, const uint8_t *request,
                       size_t length)
{
    switch (header->opcode) {
    case FUSE_LOOKUP:
        return names(file, header, request, length, 0);
    case FUSE_CREATE:
        return names(file, header, request, length, sizeof(struct fuse_create_in));
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return false;
    case FUSE_OPEN:
    case FUSE_READ:
    case FUSE_WRITE:
    case FUSE_GETATTR:
    case FUSE_READLINK:
    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_GETXATTR:
    case FUSE_LISTXATTR:
        return header->nodeid == file->node;
    default:
        return true;
    }
}
