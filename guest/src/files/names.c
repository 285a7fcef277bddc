#include "files/names.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "runtime/util.h"

/* Entries that one REMOVE removes at most: other requests wait for it. */
#define MAX_REMOVED 1024

/* Each level of a tree holds a descriptor and a part of the stack. */
#define MAX_DEPTH 2048

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int files_mkdir(const struct files_request *request)
{
    char part[GONDOLIN_MAX_FILES_PATH_BYTES + 1];
    size_t length = strlen(request->path);
    bool makes_parents = (request->flags & GONDOLIN_FILES_MKDIR_PARENTS) != 0;
    memcpy(part, request->path, length + 1);
    for (size_t at = 1; makes_parents && at < length; at++) {
        if (part[at] != '/')
            continue;
        part[at] = '\0';
        if (mkdir(part, 0777) != 0 && !is_directory(part))
            return errno == EEXIST ? ENOTDIR : errno;
        part[at] = '/';
    }
    if (mkdir(request->path, request->mode) == 0)
        return 0;
    int error = errno;
    return makes_parents && is_directory(request->path) ? 0 : error;
}

struct removal {
    unsigned left;
    bool has_more;
};

static int remove_tree(int parent, const char *name, unsigned depth, struct removal *removal);

/* One pass over a directory. A pass may miss entries that appear, or that the file system moves, meanwhile. */
static int remove_entries(DIR *directory, unsigned depth, struct removal *removal, bool *has_found)
{
    const struct dirent *entry;
    *has_found = false;
    errno = 0;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        *has_found = true;
        int error = remove_tree(dirfd(directory), entry->d_name, depth, removal);
        if (error != 0 || removal->has_more)
            return error;
        errno = 0;
    }
    return errno;
}

/* Follows no symbolic link, whoever puts one there meanwhile. */
static int remove_tree(int parent, const char *name, unsigned depth, struct removal *removal)
{
    if (removal->left == 0) {
        removal->has_more = true;
        return 0;
    }
    removal->left--;
    if (unlinkat(parent, name, 0) == 0)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return errno;
    int unlink_error = errno;
    if (depth == MAX_DEPTH)
        return ENAMETOOLONG;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? unlink_error : errno;
    AUTO_CLOSEDIR DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        close_quietly(fd);
        return errno;
    }
    bool has_found = true;
    while (has_found) {
        int error = remove_entries(directory, depth + 1, removal, &has_found);
        if (error != 0 || removal->has_more)
            return error;
        rewinddir(directory);
    }
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : errno;
}

int files_remove(const struct files_request *request, bool *has_more)
{
    struct removal removal = {.left = MAX_REMOVED};
    *has_more = false;
    if (request->flags == GONDOLIN_FILES_REMOVE_FILE)
        return unlink(request->path) == 0 ? 0 : errno;
    if (request->flags == GONDOLIN_FILES_REMOVE_DIRECTORY)
        return rmdir(request->path) == 0 ? 0 : errno;
    int error = remove_tree(AT_FDCWD, request->path, 0, &removal);
    *has_more = error == 0 && removal.has_more;
    return error;
}

int files_readlink(const char *path, struct wire_writer *writer)
{
    char target[PATH_MAX + 1];
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0)
        return errno;
    target[length] = '\0';
    wire_write_string(writer, target, GONDOLIN_MAX_FILES_PATH_BYTES);
    return 0;
}

int files_realpath(const char *path, struct wire_writer *writer)
{
    char resolved[PATH_MAX];
    if (realpath(path, resolved) == NULL)
        return errno;
    wire_write_string(writer, resolved, GONDOLIN_MAX_FILES_PATH_BYTES);
    return 0;
}
