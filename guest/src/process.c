#include "process.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "util.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif

bool failed(struct failure *failure, const char *format, ...)
{
    failure->error = errno;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(failure->stage, sizeof failure->stage, format, arguments);
    va_end(arguments);
    return false;
}

pid_t process_fork(int cgroup_fd)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    if (cgroup_fd >= 0) {
        arguments.flags = CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)cgroup_fd;
    }
    return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

static size_t append(char *text, size_t length, size_t capacity, const char *more)
{
    size_t count = strnlen(more, capacity - length - 1);
    memcpy(text + length, more, count);
    text[length + count] = '\0';
    return length + count;
}

void process_fail(int fd, int error, const char *what, const char *subject)
{
    static struct failure failure;
    failure.error = error;
    size_t length = append(failure.stage, 0, sizeof failure.stage, what);
    (void)append(failure.stage, length, sizeof failure.stage, subject);
    /* Smaller than PIPE_BUF: written whole. If the agent is gone there is nobody to tell. */
    (void)RETRY_EINTR(write(fd, &failure, sizeof failure));
    _exit(127);
}

bool process_read_failure(int fd, struct failure *failure)
{
    if (RETRY_EINTR(read(fd, failure, sizeof *failure)) != (long)sizeof *failure)
        return false;
    failure->stage[sizeof failure->stage - 1] = '\0';
    return true;
}
