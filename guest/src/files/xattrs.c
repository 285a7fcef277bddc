#include "files/xattrs.h"

#include <string.h>
#include <sys/xattr.h>

#include "runtime/util.h"

/* Linux lists no more (XATTR_LIST_MAX). */
#define MAX_LIST_BYTES 65536

/* Both with the length before it. */
static int write_xattr(const char *path, const char *name, struct wire_writer *writer)
{
    size_t start = writer->length;
    size_t name_length = strlen(name);
    size_t room = writer->capacity - writer->length;
    if (room < name_length + 8)
        return E2BIG;
    wire_write_string(writer, name, name_length);
    room -= name_length + 8;
    uint8_t *value = writer->bytes + writer->length + 4;
    /* Without room lgetxattr would only say the size. */
    uint8_t nothing;
    ssize_t size = room == 0 ? lgetxattr(path, name, &nothing, 1) : lgetxattr(path, name, value, room);
    if (size < 0 || (size_t)size > room) {
        writer->length = start;
        if (size >= 0)
            return E2BIG;
        /* It is gone since the list was made. */
        return errno == ENODATA ? 0 : (errno == ERANGE ? E2BIG : errno);
    }
    wire_write_u32(writer, (uint32_t)size);
    writer->length += (size_t)size;
    return 0;
}

int files_read_xattrs(const char *path, struct wire_writer *writer)
{
    static char names[MAX_LIST_BYTES];
    ssize_t length = llistxattr(path, names, sizeof names);
    if (length < 0)
        return errno == EOPNOTSUPP ? 0 : errno;
    for (size_t at = 0; at < (size_t)length; at += strlen(names + at) + 1) {
        int error = write_xattr(path, names + at, writer);
        if (error != 0)
            return error;
    }
    return 0;
}
