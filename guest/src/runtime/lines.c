#include "runtime/lines.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "runtime/util.h"

#define MAX_LINE_BYTES 65536
/* A file without end must not occupy a thread for ever. */
#define MAX_TOTAL_BYTES (16 * 1024 * 1024)

/* Visits the complete lines in buffer[0..length); moves the rest to the front and returns its length. */
static int visit_lines(char *buffer, size_t *length, bool *is_skipping, int (*visit)(char *, void *), void *context)
{
    size_t start = 0;
    for (;;) {
        char *newline = memchr(buffer + start, '\n', *length - start);
        if (newline == NULL)
            break;
        *newline = '\0';
        int result = *is_skipping ? 0 : visit(buffer + start, context);
        if (result != 0)
            return result;
        *is_skipping = false;
        start = (size_t)(newline - buffer) + 1;
    }
    *length -= start;
    memmove(buffer, buffer + start, *length);
    if (*length == MAX_LINE_BYTES - 1) {
        *is_skipping = true;
        *length = 0;
    }
    return 0;
}

/* If root of the guest put a pipe or a device there, opening must not wait for it. -1 with errno. */
static int open_regular(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return -1;
    if (!S_ISREG(status.st_mode)) {
        errno = EINVAL;
        return -1;
    }
    return take_fd(&fd);
}

int lines_each(const char *path, int (*visit)(char *line, void *context), void *context)
{
    char buffer[MAX_LINE_BYTES];
    AUTO_CLOSE int fd = open_regular(path);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    size_t length = 0;
    size_t total = 0;
    bool is_skipping = false;
    for (;;) {
        long count = RETRY_EINTR(read(fd, buffer + length, sizeof buffer - 1 - length));
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        length += (size_t)count;
        total += (size_t)count;
        if (total > MAX_TOTAL_BYTES) {
            errno = EFBIG;
            return -1;
        }
        int result = visit_lines(buffer, &length, &is_skipping, visit, context);
        if (result != 0)
            return result;
    }
    if (length == 0 || is_skipping)
        return 0;
    buffer[length] = '\0';
    return visit(buffer, context);
}
