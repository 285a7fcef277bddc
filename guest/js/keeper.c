#include "keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "descriptor.h"
#include "engine.h"
#include "handover.h"
#include "identity.h"
#include "runtime/process_fd.h"
#include "runtime/util.h"
#include "shared.h"
#include "text_pages.h"

struct snapshot {
    struct snapshot *next;
    uint32_t id;
    /* The keeper's end of the pair. */
    int socket;
};

static struct snapshot *snapshots;
/* Brings the orders of engines. */
static int orders = -1;

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

static void obey(const struct keeper_message *message, int fd)
{
    if (message->order == ORDER_SNAPSHOT)
        keep(message->id, fd);
    else if (message->order == ORDER_FORGET)
        forget(message->id);
    else if (message->order == ORDER_KEEP)
        forget_all_but(message->id);
}

/* Obeys all orders that have come. */
static void obey_all(void)
{
    struct keeper_message message;
    int fd;
    while (receive_descriptor(orders, &message, sizeof message, &fd))
        obey(&message, fd);
}

/* Obeys the engine until it ends, and lets it be replaced. */
static void serve_engine(void)
{
    AUTO_CLOSE int end = process_fd_open(handover_engine());
    handover_followed(handover_number());
    struct pollfd ports[] = {{.fd = orders, .events = POLLIN}, {.fd = end, .events = POLLIN}};
    /* One that has ended already has no descriptor. */
    while (end >= 0 && ports[1].revents == 0) {
        (void)poll(ports, ARRAY_LENGTH(ports), -1);
        obey_all();
    }
    obey_all();
}

/* Waits for the process of the engine that is awaited, if one is. Returns false without one. */
static bool start_engine(void)
{
    const char *problem = NULL;
    if (handover_engine() > 0)
        return true;
    struct snapshot *snapshot = *find(handover_snapshot());
    if (snapshot == NULL)
        problem = "no such snapshot";
    /* Maybe again: the engine that was to be replaced has ended, and may have asked. */
    else if (!snapshot_ask(snapshot->id, handover_number()))
        problem = "the process of the snapshot has ended";
    while (problem == NULL && handover_engine() == ENGINE_AWAITED) {
        if (!snapshot_await_fork(snapshot->socket))
            problem = "the process of the snapshot has ended";
    }
    if (problem == NULL && handover_engine() == ENGINE_FAILED)
        problem = "no memory is left for an engine";
    if (problem == NULL)
        return true;
    shared->is_owing = false;
    refuse(problem);
    return false;
}

/* Without an engine: reads requests until one of them restores a snapshot. Returns false at the end of the input. */
static bool serve_host(void)
{
    struct frame frame;
    while (frame_read(&frame)) {
        uint32_t id = frame.length >= 4 ? load_u32(frame.payload) : 0;
        frame_free(&frame);
        if (frame.type == FRAME_RESTORE) {
            handover_begin(id);
            shared->is_owing = true;
            return true;
        }
        if (frame.type == FRAME_FORGET)
            forget(id);
        else if (frame.type == FRAME_KEEP)
            forget_all_but(id);
        /* The result of a host function whose caller has ended meanwhile is nobody's. */
        else if (frame.type != FRAME_HOST_RESULT)
            report_death();
    }
    return false;
}

/* Follows the engines from one to the next until one ends that is not replaced. No engine is replaced that is not followed. */
static void serve_engines(void)
{
    uint32_t number;
    do {
        if (!start_engine())
            return;
        number = handover_number();
        serve_engine();
    } while (handover_number() != number);
    if (shared->is_owing || shared->is_writing)
        report_death();
}

int keeper_run(void)
{
    int pair[2];
    struct snapshot_ends ends;
    /* Nobody waits for ended engines and snapshots. KILL goes to the whole process group, and is for the engine alone. */
    (void)signal(SIGCHLD, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    if (!snapshot_prepare() || !snapshot_open(0, &ends) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
        return 1;
    orders = pair[0];
    text_pages_keep();
    identity_prepare();
    pid_t pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0) {
        close_quietly(orders);
        engine_prepare(pair[1]);
        engine_wait(&ends);
    }
    snapshot_close(&ends);
    keep(0, ends.keeper);
    handover_begin(0);
    do
        serve_engines();
    while (serve_host());
    return 0;
}
