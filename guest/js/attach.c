#include "attach.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "descriptor.h"
#include "runtime/util.h"

static bool set_path(struct sockaddr_un *address, const char *path)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path)
        return false;
    (void)strcpy(address->sun_path, path);
    return true;
}

int attach_listen(const char *path)
{
    struct sockaddr_un address;
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return -1;
    if (set_path(&address, path) && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
        listen(listener, 1) == 0)
        return listener;
    close_quietly(listener);
    return -1;
}

/* Takes a descriptor that comes over the connection as one of the standard streams. */
static bool take_stream(int connection, uint32_t *id, int stream)
{
    int fd;
    if (!receive_descriptor(connection, id, sizeof *id, &fd) || fd < 0)
        return false;
    bool is_ok = dup2(fd, stream) == stream;
    close_quietly(fd);
    return is_ok;
}

int attach_accept(int listener, uint32_t *id)
{
    for (;;) {
        int connection = (int)RETRY_EINTR(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        if (connection < 0)
            return -1;
        if (take_stream(connection, id, STDIN_FILENO) && take_stream(connection, id, STDOUT_FILENO))
            return connection;
        close_quietly(connection);
    }
}

static int fail(const char *what)
{
    perror(what);
    return 1;
}

/* KILL comes to this command and is meant for the engine: passes it on, and says so on standard error. */
static void pass_signal(int signals, pid_t keeper)
{
    struct signalfd_siginfo info;
    if (RETRY_EINTR(read(signals, &info, sizeof info)) != (long)sizeof info)
        return;
    (void)kill(-keeper, SIGUSR1);
    (void)!write(STDERR_FILENO, "k", 1);
}

int attach_run(const char *path, uint32_t id)
{
    struct sockaddr_un address;
    struct ucred keeper;
    socklen_t length = sizeof keeper;
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &mask, NULL);
    int signals = signalfd(-1, &mask, SFD_CLOEXEC);
    int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (signals < 0 || connection < 0 || !set_path(&address, path) ||
        connect(connection, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &keeper, &length) != 0)
        return fail("gondolin-js: cannot reach the keeper");
    if (!send_descriptor(connection, &id, sizeof id, STDIN_FILENO) ||
        !send_descriptor(connection, &id, sizeof id, STDOUT_FILENO))
        return fail("gondolin-js: the keeper takes no streams");
    close_quietly(STDIN_FILENO);
    close_quietly(STDOUT_FILENO);
    struct pollfd polled[] = {{.fd = connection, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    while (polled[0].revents == 0) {
        if (RETRY_EINTR(poll(polled, ARRAY_LENGTH(polled), -1)) < 0)
            return fail("gondolin-js: poll");
        if (polled[1].revents != 0)
            pass_signal(signals, keeper.pid);
    }
    return 0;
}
