#include "files/request.h"

#include "runtime/util.h"

#define MAX_MODE 07777
#define OPEN_FLAGS                                                                                                     \
    (GONDOLIN_FILES_OPEN_READ | GONDOLIN_FILES_OPEN_WRITE | GONDOLIN_FILES_OPEN_APPEND | GONDOLIN_FILES_OPEN_CREATE |  \
     GONDOLIN_FILES_OPEN_EXCLUSIVE | GONDOLIN_FILES_OPEN_TRUNCATE | GONDOLIN_FILES_OPEN_NOFOLLOW |                     \
     GONDOLIN_FILES_OPEN_DIRECTORY)
#define SET_FLAGS                                                                                                      \
    (GONDOLIN_FILES_SET_MODE | GONDOLIN_FILES_SET_OWNER | GONDOLIN_FILES_SET_SIZE | GONDOLIN_FILES_SET_ATIME |         \
     GONDOLIN_FILES_SET_MTIME)

/* Reads a path into its fixed place, so that a request needs no memory of its own. */
static void read_path(struct wire_reader *reader, char *path)
{
    struct wire_string text = wire_read_bytes(reader, GONDOLIN_MAX_FILES_PATH_BYTES);
    path[0] = '\0';
    if (text.bytes == NULL || memchr(text.bytes, 0, text.length) != NULL) {
        reader->failed = true;
        return;
    }
    memcpy(path, text.bytes, text.length);
    path[text.length] = '\0';
}

static uint32_t read_handle(struct wire_reader *reader)
{
    uint32_t handle = wire_read_u32(reader);
    if (handle < GONDOLIN_MAX_FILES_HANDLES)
        return handle;
    reader->failed = true;
    return 0;
}

static uint32_t read_limited(struct wire_reader *reader, uint32_t value, uint32_t known)
{
    if ((value & ~known) != 0)
        reader->failed = true;
    return value;
}

static void read_target(struct wire_reader *reader, struct files_request *request)
{
    request->target.kind = wire_read_u8(reader);
    if (request->target.kind == GONDOLIN_FILES_TARGET_HANDLE)
        request->target.handle = read_handle(reader);
    else if (request->target.kind <= GONDOLIN_FILES_TARGET_LINK)
        read_path(reader, request->path);
    else
        reader->failed = true;
}

static void read_change(struct wire_reader *reader, struct files_change *change)
{
    change->which = read_limited(reader, wire_read_u32(reader), SET_FLAGS);
    change->mode = read_limited(reader, wire_read_u32(reader), MAX_MODE);
    change->uid = wire_read_u32(reader);
    change->gid = wire_read_u32(reader);
    change->size = wire_read_u64(reader);
    change->atime_ns = (int64_t)wire_read_u64(reader);
    change->mtime_ns = (int64_t)wire_read_u64(reader);
}

static void read_open(struct wire_reader *reader, struct files_request *request)
{
    request->handle = read_handle(reader);
    request->flags = read_limited(reader, wire_read_u32(reader), OPEN_FLAGS);
    request->mode = read_limited(reader, wire_read_u32(reader), MAX_MODE);
    read_path(reader, request->path);
    if ((request->flags & (GONDOLIN_FILES_OPEN_READ | GONDOLIN_FILES_OPEN_WRITE)) == 0)
        reader->failed = true;
}

static void read_remove(struct wire_reader *reader, struct files_request *request)
{
    request->flags = wire_read_u8(reader);
    if (request->flags > GONDOLIN_FILES_REMOVE_TREE)
        reader->failed = true;
    read_path(reader, request->path);
}

static void read_data(struct wire_reader *reader, struct files_request *request)
{
    request->handle = read_handle(reader);
    request->offset = wire_read_u64(reader);
    if (request->operation == GONDOLIN_FILES_OPERATION_WRITE) {
        request->data = wire_read_bytes(reader, GONDOLIN_MAX_FILES_DATA_BYTES);
    } else {
        request->length = wire_read_u32(reader);
        if (request->length > GONDOLIN_MAX_FILES_DATA_BYTES)
            reader->failed = true;
    }
    if (request->offset > INT64_MAX)
        reader->failed = true;
}

static void read_body(struct wire_reader *reader, struct files_request *request)
{
    switch (request->operation) {
    case GONDOLIN_FILES_OPERATION_OPEN:
        read_open(reader, request);
        break;
    case GONDOLIN_FILES_OPERATION_CLOSE:
        request->handle = read_handle(reader);
        break;
    case GONDOLIN_FILES_OPERATION_READ:
    case GONDOLIN_FILES_OPERATION_WRITE:
        read_data(reader, request);
        break;
    case GONDOLIN_FILES_OPERATION_SYNC:
        request->handle = read_handle(reader);
        request->flags = read_limited(reader, wire_read_u8(reader), 1);
        break;
    case GONDOLIN_FILES_OPERATION_STAT:
        read_target(reader, request);
        break;
    case GONDOLIN_FILES_OPERATION_SET:
        read_target(reader, request);
        read_change(reader, &request->change);
        break;
    case GONDOLIN_FILES_OPERATION_LIST:
        request->handle = read_handle(reader);
        request->flags = read_limited(reader, wire_read_u8(reader), GONDOLIN_FILES_LIST_ATTRIBUTES);
        break;
    case GONDOLIN_FILES_OPERATION_MKDIR:
        request->flags = read_limited(reader, wire_read_u8(reader), GONDOLIN_FILES_MKDIR_PARENTS);
        request->mode = read_limited(reader, wire_read_u32(reader), MAX_MODE);
        read_path(reader, request->path);
        break;
    case GONDOLIN_FILES_OPERATION_REMOVE:
        read_remove(reader, request);
        break;
    case GONDOLIN_FILES_OPERATION_RENAME:
    case GONDOLIN_FILES_OPERATION_LINK:
    case GONDOLIN_FILES_OPERATION_SYMLINK:
        read_path(reader, request->path);
        read_path(reader, request->other);
        break;
    case GONDOLIN_FILES_OPERATION_READLINK:
    case GONDOLIN_FILES_OPERATION_REALPATH:
    case GONDOLIN_FILES_OPERATION_STATVFS:
    case GONDOLIN_FILES_OPERATION_XATTRS:
        read_path(reader, request->path);
        break;
    case GONDOLIN_FILES_OPERATION_ACCESS:
        request->flags = read_limited(reader, wire_read_u8(reader), 7);
        read_path(reader, request->path);
        break;
    default:
        reader->failed = true;
        break;
    }
}

enum files_result files_decode(const uint8_t *bytes, size_t count, struct files_request *request, size_t *size)
{
    if (count < 4)
        return FILES_INCOMPLETE;
    uint32_t length = load_u32(bytes);
    if (length < GONDOLIN_FILES_REQUEST_HEADER_BYTES - 4 || length > GONDOLIN_MAX_FILES_FRAME_BYTES)
        return FILES_BROKEN;
    if (count - 4 < length)
        return FILES_INCOMPLETE;
    struct wire_reader reader;
    wire_reader_init(&reader, bytes + 4, length);
    request->id = wire_read_u32(&reader);
    request->operation = wire_read_u8(&reader);
    request->data = (struct wire_string){0};
    read_body(&reader, request);
    *size = (size_t)length + 4;
    return wire_reader_done(&reader) ? FILES_WHOLE : FILES_BROKEN;
}
