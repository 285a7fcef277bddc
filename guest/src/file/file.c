#include "file/file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "runtime/path.h"
#include "runtime/util.h"

static bool make_parent(const char *path, struct failure *failure)
{
    char parent[PATH_MAX];
    size_t length = strnlen(path, sizeof parent - 1);
    memcpy(parent, path, length);
    parent[length] = '\0';
    char *slash = strrchr(parent, '/');
    if (slash == NULL || slash == parent)
        return true;
    *slash = '\0';
    return make_path(parent) == 0 || failed(failure, "mkdir %s", parent);
}

/* If a guest put a pipe or a device there, opening must not wait for it and writing must not reach it. */
static int open_regular(const struct file_request *request, bool *is_new)
{
    bool is_appended = (request->flags & GONDOLIN_FILE_FLAG_APPEND) != 0;
    int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (is_appended ? O_APPEND : 0);
    *is_new = false;
    AUTO_CLOSE int fd = open(request->path, flags);
    if (fd < 0 && errno == ENOENT) {
        *is_new = true;
        fd = open(request->path, flags | O_CREAT, 0600);
    }
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return -1;
    if (!S_ISREG(status.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    if (!is_appended && ftruncate(fd, 0) != 0)
        return -1;
    return take_fd(&fd);
}

static int write_all(int fd, const struct wire_string *content)
{
    size_t done = 0;
    while (done < content->length) {
        long count = RETRY_EINTR(write(fd, content->bytes + done, content->length - done));
        if (count <= 0)
            return -1;
        done += (size_t)count;
    }
    return 0;
}

bool file_write(const struct file_request *request, struct failure *failure)
{
    bool is_new;
    if (!make_parent(request->path, failure))
        return false;
    if ((request->flags & GONDOLIN_FILE_FLAG_KEEP) != 0 && access(request->path, F_OK) == 0)
        return true;
    AUTO_CLOSE int fd = open_regular(request, &is_new);
    if (fd < 0)
        return failed(failure, "open %s", request->path);
    if (write_all(fd, &request->content) != 0)
        return failed(failure, "write %s", request->path);
    bool keeps_mode = !is_new && (request->flags & GONDOLIN_FILE_FLAG_APPEND) != 0;
    if (!keeps_mode && fchmod(fd, (mode_t)request->mode) != 0)
        return failed(failure, "chmod %s", request->path);
    return true;
}
