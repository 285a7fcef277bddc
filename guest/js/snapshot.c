#include "snapshot.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "handover.h"
#include "runtime/util.h"

/* How often the keeper looks whether a snapshot has forked, where no engine waits for its successor. */
#define FORK_LOOK_MS 2
/* Of looks at a name that a snapshot of the same id, which is about to end, still has. */
#define NAME_LOOK_NS 1000000L
#define NAME_LOOKS 1000

/* Sends to all snapshots. */
static int asker = -1;
/* Of this keeper, in the names: tests have several on one machine. */
static int32_t keeper_process;

bool snapshot_prepare(void)
{
    keeper_process = getpid();
    asker = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return asker >= 0;
}

/* An abstract name, which is bytes: a zero byte, text, the keeper, the snapshot. */
static socklen_t name_of(uint32_t id, struct sockaddr_un *name)
{
    static const char TEXT[] = "\0gondolin-js";
    size_t length = sizeof TEXT - 1;
    memset(name, 0, sizeof *name);
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, TEXT, length);
    memcpy(name->sun_path + length, &keeper_process, sizeof keeper_process);
    memcpy(name->sun_path + length + sizeof keeper_process, &id, sizeof id);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + sizeof keeper_process + sizeof id);
}

static bool take_name(int socket, uint32_t id)
{
    const struct timespec pause = {.tv_nsec = NAME_LOOK_NS};
    struct sockaddr_un name;
    socklen_t length = name_of(id, &name);
    for (int look = 0; look < NAME_LOOKS; look++) {
        if (bind(socket, (const struct sockaddr *)&name, length) == 0)
            return true;
        if (errno != EADDRINUSE)
            return false;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

bool snapshot_open(uint32_t id, struct snapshot_ends *ends)
{
    int pair[2];
    int asked = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (asked < 0 || !take_name(asked, id) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        close_quietly(asked);
        return false;
    }
    *ends = (struct snapshot_ends){.asked = asked, .keeper = pair[0], .snapshot = pair[1]};
    return true;
}

void snapshot_close(const struct snapshot_ends *ends)
{
    close_quietly(ends->asked);
    close_quietly(ends->snapshot);
}

uint32_t snapshot_wait(const struct snapshot_ends *ends)
{
    struct pollfd ports[] = {{.fd = ends->asked, .events = POLLIN}, {.fd = ends->snapshot}};
    uint32_t last = 0;
    close_quietly(ends->keeper);
    /* KILL is for the engine that runs. */
    (void)signal(SIGUSR1, SIG_IGN);
    for (;;) {
        uint32_t number;
        if (RETRY_EINTR(poll(ports, ARRAY_LENGTH(ports), -1)) < 0 || ports[1].revents != 0)
            _exit(0);
        if (recv(ends->asked, &number, sizeof number, MSG_DONTWAIT) != (long)sizeof number || number == last)
            continue;
        last = number;
        pid_t pid = fork();
        /* Both say it, because either may be killed before it does. */
        handover_end(number, pid < 0 ? (int32_t)ENGINE_FAILED : pid > 0 ? pid : getpid());
        if (pid == 0)
            return number;
    }
}

bool snapshot_ask(uint32_t id, uint32_t number)
{
    struct sockaddr_un name;
    socklen_t length = name_of(id, &name);
    return RETRY_EINTR(sendto(asker, &number, sizeof number, MSG_NOSIGNAL, (const struct sockaddr *)&name, length)) ==
           (long)sizeof number;
}

bool snapshot_await_fork(int keeper)
{
    struct pollfd port = {.fd = keeper};
    return poll(&port, 1, FORK_LOOK_MS) <= 0;
}
