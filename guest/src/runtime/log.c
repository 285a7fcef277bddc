#include "runtime/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "protocol.h"
#include "runtime/util.h"

/* Less than PIPE_BUF, so that records of several threads never mix. */
struct record {
    uint8_t level;
    char text[GONDOLIN_MAX_LOG_BYTES];
};

static int console_fd = STDERR_FILENO;
static int queue_fds[2] = {-1, -1};

void log_open_console(void)
{
    int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0)
        console_fd = fd;
}

int log_open_queue(void)
{
    return pipe2(queue_fds, O_CLOEXEC | O_NONBLOCK);
}

int log_queue_fd(void)
{
    return queue_fds[0];
}

bool log_take(uint8_t *level, char *text, uint32_t capacity)
{
    struct record record;
    if (RETRY_EINTR(read(queue_fds[0], &record, sizeof record)) != (long)sizeof record)
        return false;
    *level = record.level;
    (void)snprintf(text, capacity, "%s", record.text);
    return true;
}

static void print_console(const char *text)
{
    char line[GONDOLIN_MAX_LOG_BYTES + 32];
    int length = snprintf(line, sizeof line, "gondolin-agent: %s\r\n", text);
    if (length > 0)
        (void)RETRY_EINTR(write(console_fd, line, (size_t)length));
}

static void enqueue(uint8_t level, const char *format, va_list arguments)
{
    struct record record = {.level = level};
    (void)vsnprintf(record.text, sizeof record.text, format, arguments);
    if (level == GONDOLIN_LOG_ERROR)
        print_console(record.text);
    /* A full queue means that the host does not read: the line is dropped, and the console still has the errors. */
    if (queue_fds[1] >= 0)
        (void)RETRY_EINTR(write(queue_fds[1], &record, sizeof record));
}

void log_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    enqueue(GONDOLIN_LOG_ERROR, format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    enqueue(GONDOLIN_LOG_WARNING, format, arguments);
    va_end(arguments);
}

void log_console(const char *format, ...)
{
    char text[GONDOLIN_MAX_LOG_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_console(text);
}
