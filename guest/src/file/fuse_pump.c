#include "file/fuse_pump.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>

#include "file/edits.h"
#include "file/notices.h"
#include "file/pump_processor.h"
#include "file/reply_disk.h"
#include "file/written.h"
#include "protocol.h"
#include "runtime/log.h"
#include "runtime/thread.h"
#include "runtime/util.h"
#include "system/power.h"

/* Holds reads and writes of 1 MiB with their headers; the kernel requires room for one whole request. */
#define BUFFER_BYTES GONDOLIN_MAX_FUSE_MESSAGE_BYTES
#define STACK_BYTES (64 * 1024)
/* Offset of the thread that sent a request in struct fuse_in_header, with which each request starts. */
#define PID_AT 32
/* Offset of padding in struct fuse_in_header, which tells the host how many replies were taken from the disk. */
#define TAKEN_AT 38
#define LARGE_READ_BYTES (128U * 1024)
/* Offset of `release_flags` in a RELEASE. */
#define RELEASE_FLAGS_AT (sizeof(struct fuse_in_header) + offsetof(struct fuse_release_in, release_flags))
/* A reply on the disk: its header, the slot and the length. */
#define ON_DISK_BYTES (GONDOLIN_MIN_FUSE_MESSAGE_BYTES + 8)
/* A port reads as empty until the guest has noticed that the host is connected: that is not the end, so read again. */
#define UNCONNECTED_PAUSE_NS 2000000L

static int device_fd = -1;
static int host_fd = -1;
static atomic_bool is_stopping;

/* Guarded by `gate`: whether requests may go to the host, and whether one is being sent. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static bool is_paused;
static bool is_sending;
static uint64_t sent_bytes;
static uint64_t received_bytes;

static void enter_gate(void)
{
    (void)pthread_mutex_lock(&gate);
    while (is_paused)
        (void)pthread_cond_wait(&gate_opened, &gate);
    is_sending = true;
    (void)pthread_mutex_unlock(&gate);
}

static void leave_gate(size_t count)
{
    (void)pthread_mutex_lock(&gate);
    sent_bytes += count;
    is_sending = false;
    (void)pthread_mutex_unlock(&gate);
}

bool fuse_pump_pause(void)
{
    (void)pthread_mutex_lock(&gate);
    is_paused = true;
    bool is_quiet = !is_sending;
    (void)pthread_mutex_unlock(&gate);
    return is_quiet;
}

void fuse_pump_resume(void)
{
    (void)pthread_mutex_lock(&gate);
    is_paused = false;
    (void)pthread_cond_broadcast(&gate_opened);
    (void)pthread_mutex_unlock(&gate);
}

void fuse_pump_counts(uint64_t *sent, uint64_t *received)
{
    (void)pthread_mutex_lock(&gate);
    *sent = sent_bytes;
    *received = received_bytes;
    (void)pthread_mutex_unlock(&gate);
}

static void pause_unconnected(void)
{
    const struct timespec pause = {.tv_nsec = UNCONNECTED_PAUSE_NS};
    (void)nanosleep(&pause, NULL);
}

static void write_to_port(const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        long written = write(host_fd, bytes, count);
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            pause_unconnected();
        }
    }
}

/* If a pump only ended, every process that touches a host file would wait for ever. */
static void __attribute__((noreturn)) die(const char *what)
{
    log_error("file channel: %s: powering off", what);
    power_off();
}

static uint8_t *allocate_buffer(void)
{
    uint8_t *buffer = malloc(BUFFER_BYTES);
    if (buffer == NULL)
        die("out of memory for its buffer");
    return buffer;
}

static bool is_large_read(const uint8_t *request)
{
    struct fuse_in_header header;
    struct fuse_read_in asked;
    memcpy(&header, request, sizeof header);
    memcpy(&asked, request + sizeof header, sizeof asked);
    return header.opcode == FUSE_READ && asked.size >= LARGE_READ_BYTES;
}

/* The kernel waits for no RELEASE and ignores what it says, so its reply need not come from the host. */
static void answer_release(uint8_t *request)
{
    struct fuse_in_header header;
    memcpy(&header, request, sizeof header);
    if (header.opcode != FUSE_RELEASE || header.len < RELEASE_FLAGS_AT + 4)
        return;
    store_u32(request + RELEASE_FLAGS_AT, load_u32(request + RELEASE_FLAGS_AT) | GONDOLIN_RELEASE_ANSWERED);
    const struct fuse_out_header reply = {.len = sizeof reply, .unique = header.unique};
    (void)RETRY_EINTR(write(device_fd, &reply, sizeof reply));
}

/* Requests: one read(2) returns one whole request, which starts with its length. */
static void *pump_requests(void *unused)
{
    (void)unused;
    uint8_t *buffer = allocate_buffer();
    pump_processor_join();
    for (;;) {
        long count = read(device_fd, buffer, BUFFER_BYTES);
        if (count > 0) {
            pump_processor_note(load_u32(buffer + PID_AT), is_large_read(buffer));
            if (written_answer(device_fd, buffer, (size_t)count))
                continue;
            store_u16(buffer + TAKEN_AT, reply_disk_taken());
            answer_release(buffer);
            enter_gate();
            write_to_port(buffer, (size_t)count);
            leave_gate((size_t)count);
        } else if (count < 0 && errno != ENOENT && errno != EINTR && errno != EAGAIN) {
            break;
        }
        /* The request was interrupted before it was read. */
    }
    /*
     * ENODEV: unmounted, or root of the guest has aborted the connection in /sys: its file operations fail, nothing
     * waits.
     */
    if (!atomic_load(&is_stopping))
        log_error("file channel: host mounts have ended: %s", strerror(errno));
    free(buffer);
    return NULL;
}

/* Reads what has come, up to `room` bytes. */
static size_t read_from_port(uint8_t *bytes, size_t room)
{
    for (;;) {
        long got = read(host_fd, bytes, room);
        if (got > 0)
            return (size_t)got;
        if (got == 0 || errno != EINTR)
            pause_unconnected();
    }
}

/* A message that starts with a struct fuse_out_header of unique 0 is a notification, not a reply. */
static bool is_notification(const uint8_t *message)
{
    static const uint8_t none[8];
    return memcmp(message + 8, none, sizeof none) == 0;
}

/* Counts after the kernel has it: what is counted has reached the kernel. */
static void count_received(size_t length)
{
    (void)pthread_mutex_lock(&gate);
    received_bytes += length;
    (void)pthread_mutex_unlock(&gate);
}

static void pass_notification(const uint8_t *message, size_t length)
{
    /* ENOENT: the kernel has forgotten what it is about. */
    if (load_u32(message + 4) == GONDOLIN_NOTIFY_EDIT)
        edits_add(message, length);
    else if (RETRY_EINTR(write(device_fd, message, length)) < 0 && errno != ENOENT && errno != ENOTDIR &&
             errno != ENODEV)
        log_warning("file channel: the kernel refused a notification: %s", strerror(errno));
    count_received(length);
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

/* To the thread that passes it to the kernel, unless it is for the agent. */
static void pass_notification_on(const uint8_t *message, uint32_t length)
{
    if (load_u32(message + 4) == GONDOLIN_NOTIFY_WRITTEN) {
        written_add(message, length);
        count_received(length);
        return;
    }
    written_drop(message, length);
    if (!notices_add(message, length))
        die("out of memory for a notification");
}

static void pass_message(uint8_t *message, uint32_t length)
{
    if (is_notification(message)) {
        pass_notification_on(message, length);
        return;
    }
    if (length == ON_DISK_BYTES && load_u32(message + 4) == GONDOLIN_REPLY_ON_DISK)
        pass_reply_on_disk(message);
    else
        pass_reply(message, length, NULL, 0);
    count_received(length);
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
    uint8_t *buffer = allocate_buffer();
    size_t count = 0;
    pump_processor_join();
    for (;;) {
        count += read_from_port(buffer + count, BUFFER_BYTES - count);
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
    host_fd = port_fd;
    pump_processor_start(port_fd);
    return start(pump_requests, NULL, failure) && start(pump_replies, NULL, failure) &&
           start(notices_run, &pass, failure);
}

bool fuse_pump_start_edits(int root_fd, struct failure *failure)
{
    static int edits_fd;
    edits_fd = root_fd;
    return start(edits_run, &edits_fd, failure);
}

void fuse_pump_expect_end(void)
{
    atomic_store(&is_stopping, true);
}
