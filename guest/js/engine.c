#include "engine.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "call.h"
#include "descriptor.h"
#include "handover.h"
#include "host_module.h"
#include "identity.h"
#include "keeper.h"
#include "limits.h"
#include "memory.h"
#include "realm.h"
#include "runtime/util.h"
#include "snapshot.h"

/* Beside JavaScript's own limit: QuickJS checks it before it recurses, not within a function of its own. */
#define STACK_MARGIN_BYTES (1024 * 1024)

/* Of an engine that may outlive its successor's start. */
#define SMALL_HEAP_BYTES (4 * 1024 * 1024)

/* Reaches the keeper. */
static int keeper = -1;

void engine_prepare(int keeper_socket)
{
    keeper = keeper_socket;
    realm_make();
}

static void tell_keeper(uint32_t order, uint32_t id, int fd)
{
    const struct keeper_message message = {.order = order, .id = id};
    if (!send_descriptor(keeper, &message, sizeof message, fd))
        _exit(0);
}

static void refuse(const char *message)
{
    host_send(FRAME_REFUSED, &(struct frame_part){message, strlen(message)}, 1);
}

/* Leaves a copy of this process, which waits. */
static void take_snapshot(uint32_t id)
{
    struct snapshot_ends ends;
    if (!snapshot_open(id, &ends)) {
        refuse("no descriptor is left for a snapshot");
        return;
    }
    /* Once for all engines that will be forked from it. */
    call_collect_garbage();
    pid_t pid = fork();
    if (pid == 0)
        engine_wait(&ends);
    if (pid > 0)
        tell_keeper(ORDER_SNAPSHOT, id, ends.keeper);
    snapshot_close(&ends);
    close_quietly(ends.keeper);
    if (pid > 0)
        host_send(FRAME_SNAPSHOTTED, NULL, 0);
    else
        refuse("no memory is left for a snapshot");
}

/* Gives this engine the sizes of START. */
static void apply_settings(void)
{
    struct rlimit stack;
    if (shared->settings.heap_bytes == 0)
        return;
    if (getrlimit(RLIMIT_STACK, &stack) == 0) {
        stack.rlim_cur = shared->settings.stack_bytes + STACK_MARGIN_BYTES;
        (void)setrlimit(RLIMIT_STACK, &stack);
    }
    realm_limit();
}

static void start(const struct frame *frame)
{
    if (frame->length != 24)
        _exit(2);
    shared->settings = (struct settings){
        .heap_bytes = (size_t)load_u64(frame->payload),
        .stack_bytes = (size_t)load_u64(frame->payload + 8),
        .output_bytes = (size_t)load_u64(frame->payload + 16),
    };
    apply_settings();
    host_send(FRAME_READY, NULL, 0);
}

/*
 * Ends this engine after the next one has greeted the host: the kernel takes a fifth of a restore to free its pages, and can do so while
 * the host thinks. One with much memory frees it first, because the machine may have no room for two of them. The keeper asks again, and
 * tells the host where there is no snapshot. No signal may be handled any more: what is shared is about the next engine.
 */
static _Noreturn void restore(uint32_t id)
{
    handover_await_keeper();
    limits_pause();
    handover_begin(id);
    if (memory_used() > SMALL_HEAP_BYTES || !snapshot_ask(id, handover_number()))
        _exit(0);
    (void)syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &(struct sched_param){0}); /* Not in musl. */
    handover_await_greeting();
    _exit(0);
}

static bool has_reply(uint8_t type)
{
    return type != FRAME_FORGET && type != FRAME_KEEP;
}

static void serve(const struct frame *frame)
{
    uint32_t id = frame->length >= 4 ? load_u32(frame->payload) : 0;
    switch (frame->type) {
    case FRAME_START:
        start(frame);
        break;
    case FRAME_IDENTITY:
        identity_set(frame);
        break;
    case FRAME_LOAD:
        call_load(frame);
        break;
    case FRAME_CALL:
        call_handler(frame);
        break;
    case FRAME_SNAPSHOT:
        take_snapshot(id);
        break;
    case FRAME_RESTORE:
        restore(id);
    case FRAME_FORGET:
        tell_keeper(ORDER_FORGET, id, -1);
        break;
    case FRAME_KEEP:
        tell_keeper(ORDER_KEEP, id, -1);
        break;
    default:
        _exit(2);
    }
}

static _Noreturn void run(uint32_t number)
{
    struct frame frame;
    /* First, so that the rest falls into the time that the host takes. */
    if (shared->is_owing)
        host_send(FRAME_READY, NULL, 0);
    shared->is_owing = false;
    limits_init();
    realm_forget_random();
    apply_settings();
    handover_greeted(number);
    while (frame_read(&frame)) {
        shared->is_owing = has_reply(frame.type);
        serve(&frame);
        shared->is_owing = false;
        frame_free(&frame);
    }
    _exit(0);
}

_Noreturn void engine_wait(const struct snapshot_ends *ends)
{
    uint32_t number = snapshot_wait(ends);
    snapshot_close(ends);
    run(number);
}
