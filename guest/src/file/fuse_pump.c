#include "file/fuse_pump.h"

#include <linux/fuse.h>
#include <stdio.h>
#include <sys/uio.h>

#include "file/absent_names.h"
#include "file/edits.h"
#include "file/file_port.h"
#include "file/fuse_requests.h"
#include "file/new_files.h"
#include "file/notices.h"
#include "file/pump_processor.h"
#include "file/reply_disk.h"
#include "file/written.h"
#include "protocol.h"
#include "runtime/log.h"
#include "runtime/thread.h"
#include "runtime/util.h"
#include "system/power.h"

/* Holds reads of 1 MiB with their headers. */
#define BUFFER_BYTES GONDOLIN_MAX_FUSE_MESSAGE_BYTES
#define STACK_BYTES (64 * 1024)
/* A reply on the disk: its header, the slot and the length. */
#define ON_DISK_BYTES (GONDOLIN_MIN_FUSE_MESSAGE_BYTES + 8)

static int device_fd = -1;

/* If a pump only ended, every process that touches a host file would wait for ever. */
static void __attribute__((noreturn)) die(const char *what)
{
    log_error("file channel: %s: powering off", what);
    power_off();
}

/* A message that starts with a struct fuse_out_header of unique 0 is a notification, not a reply. */
static bool is_notification(const uint8_t *message)
{
    static const uint8_t none[8];
    return memcmp(message + 8, none, sizeof none) == 0;
}

static void pass_notification(const uint8_t *message, size_t length)
{
    /* ENOENT: the kernel has forgotten what it is about. */
    if (load_u32(message + 4) == GONDOLIN_NOTIFY_EDIT)
        edits_add(message, length);
    else if (RETRY_EINTR(write(device_fd, message, length)) < 0 && errno != ENOENT && errno != ENOTDIR &&
             errno != ENODEV)
        log_warning("file channel: the kernel refused a notification: %s", strerror(errno));
    file_port_count_received(length);
}

/* Passes a reply to the kernel in one write(2), `header` with a length that counts `bytes` of data that follow it. */
static void pass_reply(const uint8_t *header, size_t header_bytes, const uint8_t *bytes, size_t length)
{
    const struct iovec parts[] = {
        {.iov_base = (void *)(uintptr_t)header, .iov_len = header_bytes},
        {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length},
    };
    /* ENOENT: the request was interrupted, and nobody waits for the reply. */
    if (RETRY_EINTR(writev(device_fd, parts, length > 0 ? 2 : 1)) < 0 && errno != ENOENT)
        log_warning("file channel: the kernel refused a reply: %s", strerror(errno));
}

static void pass_reply_on_disk(uint8_t *message)
{
    uint32_t length = load_u32(message + GONDOLIN_MIN_FUSE_MESSAGE_BYTES + 4);
    const uint8_t *bytes = reply_disk_take(load_u32(message + GONDOLIN_MIN_FUSE_MESSAGE_BYTES), length);
    if (bytes == NULL) {
        log_warning("file channel: cannot read a reply from its disk: %s", strerror(errno));
        length = 0;
    }
    store_u32(message, GONDOLIN_MIN_FUSE_MESSAGE_BYTES + length);
    store_u32(message + 4, bytes == NULL ? (uint32_t)-EIO : 0);
    pass_reply(message, GONDOLIN_MIN_FUSE_MESSAGE_BYTES, bytes, length);
}

/* Takes over a notification that only says what the agent may reply itself. Returns false for others. */
static bool take_notification(const uint8_t *message, uint32_t length)
{
    switch (load_u32(message + 4)) {
    case GONDOLIN_NOTIFY_WRITTEN:
        written_add(message, length);
        return true;
    case GONDOLIN_NOTIFY_NEW_FILE:
        new_files_add(message, length);
        return true;
    case GONDOLIN_NOTIFY_WHOLE:
        absent_names_told(message, length);
        return true;
    default:
        return false;
    }
}

/* To the thread that passes it to the kernel, unless it is for the agent. */
static void pass_notification_on(const uint8_t *message, uint32_t length)
{
    if (take_notification(message, length)) {
        file_port_count_received(length);
        return;
    }
    written_drop(message, length);
    new_files_expire(message, length);
    if (!notices_add(message, length))
        die("out of memory for a notification");
}

static void pass_reply_to_kernel(uint8_t *message, uint32_t length)
{
    if (length == ON_DISK_BYTES && load_u32(message + 4) == GONDOLIN_REPLY_ON_DISK)
        pass_reply_on_disk(message);
    else
        pass_reply(message, length, NULL, 0);
}

static void pass_message(uint8_t *message, uint32_t length)
{
    if (is_notification(message)) {
        pass_notification_on(message, length);
        return;
    }
    if (!new_files_take_reply(device_fd, message, length))
        pass_reply_to_kernel(message, length);
    file_port_count_received(length);
}

/* Returns the length of the message that starts there, 0 if it is not known yet. */
static uint32_t message_length(const uint8_t *bytes, size_t count)
{
    if (count < GONDOLIN_MIN_FUSE_MESSAGE_BYTES)
        return 0;
    uint32_t length = load_u32(bytes);
    if (length < GONDOLIN_MIN_FUSE_MESSAGE_BYTES || length > BUFFER_BYTES) {
        char what[64];
        (void)snprintf(what, sizeof what, "the host sent a message of %u bytes", length);
        die(what);
    }
    return length;
}

/* One read(2) mostly returns a whole message, and several if they came while one was passed on. */
static void *pump_replies(void *unused)
{
    (void)unused;
    uint8_t *buffer = malloc(BUFFER_BYTES);
    size_t count = 0;
    if (buffer == NULL)
        die("out of memory for its buffer");
    pump_processor_join();
    for (;;) {
        count += file_port_read(buffer + count, BUFFER_BYTES - count);
        size_t at = 0;
        uint32_t length;
        while ((length = message_length(buffer + at, count - at)) != 0 && length <= count - at) {
            pass_message(buffer + at, length);
            at += length;
        }
        count -= at;
        if (at > 0)
            memmove(buffer, buffer + at, count);
    }
    return NULL;
}

static bool start(void *(*run)(void *), void *argument, struct failure *failure)
{
    errno = thread_start(run, argument, STACK_BYTES);
    return errno == 0 || failed(failure, "start the file pump");
}

bool fuse_pump_start(int fuse_fd, int port_fd, struct failure *failure)
{
    static notices_pass pass = pass_notification;
    device_fd = fuse_fd;
    file_port_start(port_fd);
    pump_processor_start(port_fd);
    return fuse_requests_start(fuse_fd, failure) && start(pump_replies, NULL, failure) &&
           start(notices_run, &pass, failure);
}

bool fuse_pump_start_edits(int root_fd, struct failure *failure)
{
    static int edits_fd;
    edits_fd = root_fd;
    return start(edits_run, &edits_fd, failure);
}
