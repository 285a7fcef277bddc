#include "channel/reply.h"

#include <sys/utsname.h>
#include <sys/wait.h>

#include "channel/message.h"
#include "channel/port.h"
#include "runtime/util.h"

#ifndef GONDOLIN_AGENT_VERSION
#error "GONDOLIN_AGENT_VERSION comes from the Makefile"
#endif

/* Larger than every message that the agent sends. */
#define MAX_MESSAGE_BYTES (GONDOLIN_MAX_STAGE_BYTES + 64)

static uint8_t buffer[MAX_MESSAGE_BYTES];

static void send_message(enum outbox_queue queue, const struct wire_writer *writer)
{
    port_send(queue, GONDOLIN_FRAME_MESSAGE, 0, writer->bytes, writer->length);
}

void reply_hello(void)
{
    struct utsname names;
    (void)uname(&names);
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    message_encode_hello(&writer, GONDOLIN_AGENT_VERSION, names.release);
    send_message(OUTBOX_URGENT, &writer);
}

void reply_ok(uint32_t request_id)
{
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    message_encode_header(&writer, GONDOLIN_MESSAGE_OK, request_id);
    send_message(OUTBOX_URGENT, &writer);
}

void reply_ok_pid(uint32_t request_id, pid_t pid)
{
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    message_encode_header(&writer, GONDOLIN_MESSAGE_OK, request_id);
    wire_write_u32(&writer, (uint32_t)pid);
    send_message(OUTBOX_URGENT, &writer);
}

void reply_frozen(uint32_t request_id, uint64_t sent_bytes, uint64_t received_bytes, uint32_t counter_khz)
{
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    message_encode_frozen(&writer, request_id, sent_bytes, received_bytes, counter_khz);
    port_send_last(GONDOLIN_FRAME_MESSAGE, 0, writer.bytes, writer.length);
}

void reply_error(uint32_t request_id, int error, const char *stage)
{
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    message_encode_failed(&writer, request_id, error, stage);
    send_message(OUTBOX_URGENT, &writer);
}

void reply_failed(uint32_t request_id, const struct failure *failure)
{
    reply_error(request_id, failure->error, failure->stage);
}

void reply_exited(uint32_t request_id, int status, bool is_out_of_memory)
{
    struct wire_writer writer;
    uint8_t flags = is_out_of_memory ? GONDOLIN_EXITED_FLAG_OUT_OF_MEMORY : 0;
    wire_writer_init(&writer, buffer, sizeof buffer);
    if (WIFSIGNALED(status))
        message_encode_exited(&writer, request_id, GONDOLIN_EXIT_KIND_SIGNAL, flags, (uint16_t)WTERMSIG(status));
    else
        message_encode_exited(&writer, request_id, GONDOLIN_EXIT_KIND_CODE, flags, (uint16_t)WEXITSTATUS(status));
    send_message(OUTBOX_BULK, &writer);
}

void reply_log(uint8_t level, const char *text)
{
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    message_encode_log(&writer, level, text);
    send_message(OUTBOX_URGENT, &writer);
}
