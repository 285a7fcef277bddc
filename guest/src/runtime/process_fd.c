#include "runtime/process_fd.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include "runtime/util.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

int process_fd_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

void process_fd_kill(int fd)
{
    (void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

bool process_fd_wait(int fd, int limit_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return RETRY_EINTR(poll(&poll_fd, 1, limit_ms)) != 0;
}
