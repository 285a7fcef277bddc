#include "files/handles.h"

#include <fcntl.h>

#include "runtime/util.h"

/* The descriptor plus one, so that 0 means closed. */
static int numbers[GONDOLIN_MAX_FILES_HANDLES];
static DIR *directories[GONDOLIN_MAX_FILES_HANDLES];

/*
 * Never waits: O_NONBLOCK does nothing for regular files and directories, and opening a FIFO without a peer must not stop
 * every later request.
 */
static int open_flags(uint32_t flags)
{
    static const struct {
        uint32_t ours;
        int theirs;
    } table[] = {
        {GONDOLIN_FILES_OPEN_APPEND, O_APPEND},     {GONDOLIN_FILES_OPEN_CREATE, O_CREAT},
        {GONDOLIN_FILES_OPEN_EXCLUSIVE, O_EXCL},    {GONDOLIN_FILES_OPEN_TRUNCATE, O_TRUNC},
        {GONDOLIN_FILES_OPEN_NOFOLLOW, O_NOFOLLOW}, {GONDOLIN_FILES_OPEN_DIRECTORY, O_DIRECTORY},
    };
    int result = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    bool is_read = (flags & GONDOLIN_FILES_OPEN_READ) != 0;
    bool is_written = (flags & GONDOLIN_FILES_OPEN_WRITE) != 0;
    result |= is_read && is_written ? O_RDWR : is_written ? O_WRONLY : O_RDONLY;
    for (size_t i = 0; i < ARRAY_LENGTH(table); i++) {
        if ((flags & table[i].ours) != 0)
            result |= table[i].theirs;
    }
    return result;
}

int files_open(const struct files_request *request)
{
    if (numbers[request->handle] != 0)
        return EBUSY;
    int fd = (int)RETRY_EINTR(open(request->path, open_flags(request->flags), request->mode));
    if (fd < 0)
        return errno;
    numbers[request->handle] = fd + 1;
    return 0;
}

int files_close(uint32_t handle)
{
    int fd = files_fd(handle);
    if (fd < 0)
        return EBADF;
    DIR *directory = directories[handle];
    numbers[handle] = 0;
    directories[handle] = NULL;
    return (directory != NULL ? closedir(directory) : close(fd)) == 0 ? 0 : errno;
}

int files_fd(uint32_t handle)
{
    return numbers[handle] - 1;
}

DIR *files_directory(uint32_t handle)
{
    int fd = files_fd(handle);
    if (fd < 0) {
        errno = EBADF;
        return NULL;
    }
    if (directories[handle] == NULL)
        directories[handle] = fdopendir(fd);
    return directories[handle];
}
