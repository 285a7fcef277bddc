#include "requests.h"

#include "channel/message.h"
#include "channel/port_waiters.h"
#include "channel/reply.h"
#include "channel/streams.h"
#include "exec/exec.h"
#include "file/absent_names.h"
#include "file/file.h"
#include "file/java_store.h"
#include "file/mount.h"
#include "freeze.h"
#include "net/network.h"
#include "net/tcp.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/util.h"
#include "shutdown.h"
#include "system/identity.h"
#include "system/power.h"
#include "system/root.h"

static bool wants_shutdown;

bool requests_want_shutdown(void)
{
    return wants_shutdown;
}

static void reply(uint32_t request_id, bool is_done, const struct failure *failure)
{
    if (is_done)
        reply_ok(request_id);
    else
        reply_failed(request_id, failure);
}

static void serve_root(uint32_t request_id, const struct root_request *request)
{
    struct failure failure;
    bool is_done = root_switch(request, &failure);
    /* Nothing works without a root: the console keeps the reason even if the reply is lost. */
    if (!is_done)
        log_error("root: %s: %s", failure.stage, strerror(failure.error));
    reply(request_id, is_done, &failure);
}

static void serve(struct message *message)
{
    struct failure failure;
    uint32_t id = message->request_id;
    switch (message->type) {
    case GONDOLIN_MESSAGE_ROOT:
        serve_root(id, &message->body.root);
        break;
    case GONDOLIN_MESSAGE_IDENTITY:
        reply(id, identity_set(&message->body.identity, &failure), &failure);
        break;
    case GONDOLIN_MESSAGE_MOUNT:
        reply(id, mount_serve(&message->body.mount, &failure), &failure);
        break;
    case GONDOLIN_MESSAGE_SEAL:
        /* No link can be made once the root is read-only. */
        java_store_link();
        reply(id, root_seal(&failure), &failure);
        break;
    case GONDOLIN_MESSAGE_EXEC:
    case GONDOLIN_MESSAGE_FILES:
        exec_start(id, &message->body.exec);
        break;
    case GONDOLIN_MESSAGE_KILL:
        exec_kill(id, &message->body.kill);
        break;
    case GONDOLIN_MESSAGE_RESIZE:
        exec_resize(id, &message->body.resize);
        break;
    case GONDOLIN_MESSAGE_FREEZE:
        freeze_start(id);
        break;
    case GONDOLIN_MESSAGE_THAW:
        freeze_end(id, &message->body.thaw);
        break;
    case GONDOLIN_MESSAGE_NETWORK:
        reply(id, net_start(&failure), &failure);
        break;
    case GONDOLIN_MESSAGE_FILE:
        reply(id, file_write(&message->body.file, &failure), &failure);
        if ((message->body.file.flags & GONDOLIN_FILE_FLAG_JAVA_STORE) != 0)
            java_store_set(message->body.file.path);
        break;
    case GONDOLIN_MESSAGE_SHUTDOWN:
        shutdown_begin();
        wants_shutdown = true;
        reply_ok(id);
        break;
    default:
        reply_ok(id);
        break;
    }
}

static void on_dead(const char *why)
{
    log_error("control channel: %s", why);
    power_off();
}

/* A program that acts on it must find the files that the host made before. The host's streams have even ids. */
static bool may_follow_edits(const struct frame *frame)
{
    return frame->stream % 2 == 0 && frame->type != GONDOLIN_FRAME_CREDIT;
}

static void on_frame(const struct frame *frame)
{
    if (may_follow_edits(frame))
        absent_names_forget_all();
    if (frame->type != GONDOLIN_FRAME_MESSAGE) {
        const char *broken = streams_on_frame(frame);
        if (broken != NULL)
            on_dead(broken);
        return;
    }
    struct message message;
    enum message_result result = message_decode(frame->payload, frame->length, &message);
    if (result == MESSAGE_OK)
        serve(&message);
    else if (result == MESSAGE_BAD_HEADER)
        on_dead(message_strerror(result));
    else
        reply_error(message.request_id, result == MESSAGE_UNKNOWN_TYPE ? ENOSYS : EBADMSG, message_strerror(result));
    message_free(&message);
}

static bool on_packet_free(void)
{
    net_tcp_accept_more();
    return port_waiters_wake();
}

const struct port_handlers requests_handlers = {
    .on_frame = on_frame,
    .on_packet_free = on_packet_free,
    .on_dead = on_dead,
};
