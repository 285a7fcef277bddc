#include "runtime/small_file.h"

#include <fcntl.h>

#include "runtime/util.h"

long small_file_read(int directory_fd, const char *path, char *text, size_t capacity)
{
    AUTO_CLOSE int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC);
    long count = fd < 0 ? -1 : RETRY_EINTR(read(fd, text, capacity - 1));
    text[count < 0 ? 0 : count] = '\0';
    return count;
}
