#include "keeper.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "descriptor.h"
#include "engine.h"
#include "identity.h"
#include "runtime/util.h"
#include "shared.h"
#include "text_pages.h"

/* A snapshot: the socket of the process that waits to be forked. */
struct snapshot {
    struct snapshot *next;
    uint32_t id;
    int socket;
};

static struct snapshot *snapshots;
/* Reaches the engine; -1 while there is none. */
static int engine = -1;
/* Reached the engine that a restore has replaced, until the kernel has freed its memory. */
static int replaced = -1;

static struct snapshot **find(uint32_t id)
{
    struct snapshot **link = &snapshots;
    while (*link != NULL && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

/* The waiting process ends when its socket does. */
static void forget(uint32_t id)
{
    struct snapshot **link = find(id);
    struct snapshot *found = *link;
    if (found == NULL || id == 0)
        return;
    *link = found->next;
    close_quietly(found->socket);
    free(found);
}

static void keep(uint32_t id, int socket)
{
    struct snapshot *snapshot = malloc(sizeof *snapshot);
    if (snapshot == NULL || socket < 0)
        _exit(3);
    *snapshot = (struct snapshot){.next = snapshots, .id = id, .socket = socket};
    snapshots = snapshot;
}

static void refuse(const char *message)
{
    frame_write(FRAME_REFUSED, &(struct frame_part){message, strlen(message)}, 1);
}

/* The snapshot forks an engine, which greets the host if it waits for that; without one the keeper stays in charge. */
static void start_engine(uint32_t id, bool is_awaited)
{
    struct snapshot *snapshot = *find(id);
    int pair[2];
    if (snapshot == NULL) {
        refuse("no such snapshot");
        return;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        refuse("no descriptor is left");
        return;
    }
    shared->death = DEATH_CRASH;
    shared->is_busy = shared->is_writing = false;
    shared->is_owing = is_awaited;
    bool is_sent = send_descriptor(snapshot->socket, FORK, 1, pair[1]);
    close_quietly(pair[1]);
    if (is_sent) {
        engine = pair[0];
        return;
    }
    close_quietly(pair[0]);
    refuse("the process of the snapshot has ended");
}

static void report_death(void)
{
    const uint64_t statistics[] = {shared->wall_us, shared->cpu_us, shared->heap_bytes};
    uint8_t death = shared->death;
    if (shared->is_writing)
        _exit(4);
    shared->is_busy = shared->is_owing = false;
    const struct frame_part parts[] = {{statistics, sizeof statistics}, {&death, 1}};
    frame_write(FRAME_DIED, parts, ARRAY_LENGTH(parts));
}

static void forget_all_but(uint32_t id)
{
    for (struct snapshot *snapshot = snapshots, *next; snapshot != NULL; snapshot = next) {
        next = snapshot->next;
        if (snapshot->id != id)
            forget(snapshot->id);
    }
}

/*
 * The engine ends by itself, in its own time (engine.c): whoever restores without a pause waits for the one before, so that no more
 * than one is on its way out.
 */
static void replace_engine(void)
{
    char nothing;
    if (replaced >= 0)
        (void)RETRY_EINTR(recv(replaced, &nothing, sizeof nothing, 0));
    close_quietly(replaced);
    replaced = engine;
    engine = -1;
}

/* Obeys the engine until it ends. */
static void serve_engine(void)
{
    struct keeper_message message;
    int fd;
    bool is_restoring = false;
    while (receive_descriptor(engine, &message, sizeof message, &fd)) {
        if (message.order == ORDER_SNAPSHOT)
            keep(message.id, fd);
        else if (message.order == ORDER_FORGET)
            forget(message.id);
        else if (message.order == ORDER_KEEP)
            forget_all_but(message.id);
        else if (message.order == ORDER_RESTORE)
            is_restoring = true;
        if (is_restoring)
            break;
    }
    if (is_restoring) {
        replace_engine();
        start_engine(message.id, true);
        return;
    }
    close_quietly(engine);
    engine = -1;
    if (shared->is_owing || shared->is_writing)
        report_death();
}

/* Without an engine. Returns false at the end. */
static bool serve_host(void)
{
    struct frame frame;
    if (!frame_read(&frame))
        return false;
    uint32_t id = frame.length >= 4 ? load_u32(frame.payload) : 0;
    if (frame.type == FRAME_RESTORE)
        start_engine(id, true);
    else if (frame.type == FRAME_FORGET)
        forget(id);
    else if (frame.type == FRAME_KEEP)
        forget_all_but(id);
    /* The result of a host function whose caller has ended meanwhile is nobody's. */
    else if (frame.type != FRAME_HOST_RESULT)
        report_death();
    frame_free(&frame);
    return true;
}

int keeper_run(void)
{
    int pair[2];
    /* Nobody waits for ended engines and snapshots. KILL goes to the whole process group, and is for the engine alone. */
    (void)signal(SIGCHLD, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return 1;
    text_pages_keep();
    identity_prepare();
    pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0) {
        close_quietly(pair[0]);
        engine_prepare();
        engine_wait(pair[1]);
    }
    close_quietly(pair[1]);
    keep(0, pair[0]);
    start_engine(0, false);
    for (;;) {
        if (engine >= 0)
            serve_engine();
        else if (!serve_host())
            return 0;
    }
}
