#include "files/serve.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "files/attributes.h"
#include "files/handles.h"
#include "files/listing.h"
#include "files/names.h"
#include "files/xattrs.h"
#include "runtime/util.h"

static int serve_open(const struct files_request *request, struct wire_writer *writer)
{
    struct stat status;
    int error = files_open(request);
    if (error != 0)
        return error;
    if (fstat(files_fd(request->handle), &status) != 0) {
        error = errno;
        (void)files_close(request->handle);
        return error;
    }
    files_write_attributes(writer, &status);
    return 0;
}

/* Fewer bytes than asked for are the end of the file. */
static int serve_read(const struct files_request *request, struct wire_writer *writer)
{
    int fd = files_fd(request->handle);
    uint8_t *bytes = writer->bytes + writer->length;
    size_t count = 0;
    while (count < request->length) {
        long more = RETRY_EINTR(pread(fd, bytes + count, request->length - count, (off_t)(request->offset + count)));
        if (more < 0)
            return errno;
        if (more == 0)
            break;
        count += (size_t)more;
    }
    writer->length += count;
    return 0;
}

static int serve_write(const struct files_request *request)
{
    int fd = files_fd(request->handle);
    size_t count = 0;
    while (count < request->data.length) {
        off_t offset = (off_t)(request->offset + count);
        long more = RETRY_EINTR(pwrite(fd, request->data.bytes + count, request->data.length - count, offset));
        if (more < 0)
            return errno;
        count += (size_t)more;
    }
    return 0;
}

static int serve_stat(const struct files_request *request, struct wire_writer *writer)
{
    bool is_handle = request->target.kind == GONDOLIN_FILES_TARGET_HANDLE;
    int fd = is_handle ? files_fd(request->target.handle) : -1;
    struct stat status;
    if (is_handle && fd < 0)
        return EBADF;
    if (request->operation == GONDOLIN_FILES_OPERATION_SET)
        return files_set(request, fd);
    int error = files_stat(request, fd, &status);
    if (error == 0)
        files_write_attributes(writer, &status);
    return error;
}

static int serve_sync(const struct files_request *request)
{
    int fd = files_fd(request->handle);
    return (request->flags != 0 ? fdatasync(fd) : fsync(fd)) == 0 ? 0 : errno;
}

static int serve_remove(const struct files_request *request, struct wire_writer *writer)
{
    bool has_more;
    int error = files_remove(request, &has_more);
    wire_write_u8(writer, has_more ? 1 : 0);
    return error;
}

static int serve_statvfs(const struct files_request *request, struct wire_writer *writer)
{
    struct statvfs space;
    if (statvfs(request->path, &space) != 0)
        return errno;
    wire_write_u64(writer, space.f_frsize);
    wire_write_u64(writer, space.f_blocks);
    wire_write_u64(writer, space.f_bfree);
    wire_write_u64(writer, space.f_bavail);
    wire_write_u64(writer, space.f_files);
    wire_write_u64(writer, space.f_ffree);
    wire_write_u32(writer, (uint32_t)space.f_namemax);
    wire_write_u32(writer, (uint32_t)space.f_flag);
    return 0;
}

static int result_of(int result)
{
    return result == 0 ? 0 : errno;
}

static int serve(const struct files_request *request, struct wire_writer *writer)
{
    switch (request->operation) {
    case GONDOLIN_FILES_OPERATION_OPEN:
        return serve_open(request, writer);
    case GONDOLIN_FILES_OPERATION_CLOSE:
        return files_close(request->handle);
    case GONDOLIN_FILES_OPERATION_READ:
        return serve_read(request, writer);
    case GONDOLIN_FILES_OPERATION_WRITE:
        return serve_write(request);
    case GONDOLIN_FILES_OPERATION_SYNC:
        return serve_sync(request);
    case GONDOLIN_FILES_OPERATION_STAT:
    case GONDOLIN_FILES_OPERATION_SET:
        return serve_stat(request, writer);
    case GONDOLIN_FILES_OPERATION_LIST:
        return files_list(request, writer);
    case GONDOLIN_FILES_OPERATION_MKDIR:
        return files_mkdir(request);
    case GONDOLIN_FILES_OPERATION_REMOVE:
        return serve_remove(request, writer);
    case GONDOLIN_FILES_OPERATION_RENAME:
        return result_of(rename(request->path, request->other));
    case GONDOLIN_FILES_OPERATION_LINK:
        return result_of(linkat(AT_FDCWD, request->path, AT_FDCWD, request->other, 0));
    case GONDOLIN_FILES_OPERATION_SYMLINK:
        return result_of(symlink(request->path, request->other));
    case GONDOLIN_FILES_OPERATION_READLINK:
        return files_readlink(request->path, writer);
    case GONDOLIN_FILES_OPERATION_REALPATH:
        return files_realpath(request->path, writer);
    case GONDOLIN_FILES_OPERATION_STATVFS:
        return serve_statvfs(request, writer);
    case GONDOLIN_FILES_OPERATION_ACCESS:
        return result_of(access(request->path, (int)request->flags));
    case GONDOLIN_FILES_OPERATION_XATTRS:
        return files_read_xattrs(request->path, writer);
    default:
        return ENOSYS;
    }
}

void files_serve(const struct files_request *request, struct wire_writer *writer)
{
    size_t start = writer->length;
    wire_write_u32(writer, 0);
    wire_write_u32(writer, request->id);
    wire_write_u32(writer, 0);
    int error = serve(request, writer);
    /* A failed request has no body. */
    if (error != 0)
        writer->length = start + GONDOLIN_FILES_REPLY_HEADER_BYTES;
    store_u32(writer->bytes + start, (uint32_t)(writer->length - start - 4));
    store_u32(writer->bytes + start + 8, (uint32_t)error);
}
