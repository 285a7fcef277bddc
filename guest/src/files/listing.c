#include "files/listing.h"

#include <fcntl.h>

#include "files/attributes.h"
#include "files/handles.h"
#include "runtime/util.h"

/* A page is small enough that it never delays a reply behind it by much. */
#define PAGE_BYTES 65536
#define MAX_ENTRY_BYTES (4 + 4 + GONDOLIN_MAX_FILES_NAME_BYTES + GONDOLIN_FILES_ATTRIBUTES_BYTES)

static bool is_dots(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* Without attributes only the type's bits of the mode are set; 0 if the file system does not say. */
static void write_entry(struct wire_writer *writer, const struct dirent *entry, const struct stat *status)
{
    wire_write_u32(writer, status != NULL ? status->st_mode : (uint32_t)DTTOIF(entry->d_type));
    wire_write_string(writer, entry->d_name, GONDOLIN_MAX_FILES_NAME_BYTES);
    if (status != NULL)
        files_write_attributes(writer, status);
}

int files_list(const struct files_request *request, struct wire_writer *writer)
{
    bool has_attributes = (request->flags & GONDOLIN_FILES_LIST_ATTRIBUTES) != 0;
    DIR *directory = files_directory(request->handle);
    if (directory == NULL)
        return errno;
    size_t start = writer->length;
    wire_write_u8(writer, 0);
    for (;;) {
        if (writer->length - start + MAX_ENTRY_BYTES > PAGE_BYTES)
            return 0;
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL && errno != 0)
            return errno;
        if (entry == NULL)
            break;
        struct stat status;
        if (is_dots(entry->d_name))
            continue;
        /* Removed since: as if it had never been listed. */
        if (has_attributes && fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        write_entry(writer, entry, has_attributes ? &status : NULL);
    }
    writer->bytes[start] = 1;
    return 0;
}
