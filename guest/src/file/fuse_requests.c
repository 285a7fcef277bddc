#include "file/fuse_requests.h"

#include <linux/fuse.h>
#include <poll.h>
#include <stdatomic.h>

#include "file/absent_names.h"
#include "file/file_port.h"
#include "file/fuse_body.h"
#include "file/kernel_reply.h"
#include "file/new_files.h"
#include "file/pump_processor.h"
#include "file/reply_disk.h"
#include "file/written.h"
#include "protocol.h"
#include "runtime/clock.h"
#include "runtime/log.h"
#include "runtime/thread.h"
#include "runtime/util.h"

#define STACK_BYTES (64 * 1024)
/* RELEASEs wait for the next request this long, and while they are no longer than this: each message of their own is an interrupt. */
#define MAX_RELEASE_WAIT_MS 10
#define MAX_RELEASES_BYTES 4096
/* The kernel requires room for one whole request: 1 MiB of data with its headers. */
#define BUFFER_BYTES (MAX_RELEASES_BYTES + GONDOLIN_MAX_FUSE_MESSAGE_BYTES)
/* Offset of the thread that sent a request in struct fuse_in_header, with which each request starts. */
#define PID_AT 32
#define LARGE_READ_BYTES (128U * 1024)
/* Offset of `release_flags` in a RELEASE. */
#define RELEASE_FLAGS_AT (FUSE_BODY_AT + offsetof(struct fuse_release_in, release_flags))

static int device_fd = -1;
static atomic_bool is_stopping;

/* Used by the thread only: RELEASEs at the start of `buffer`, and room for the next request behind them. */
static uint8_t *buffer;
static size_t released_bytes;
static int64_t release_at_ms;

static bool is_large_read(const uint8_t *request, size_t length)
{
    struct fuse_in_header header;
    struct fuse_read_in asked;
    memcpy(&header, request, sizeof header);
    return header.opcode == FUSE_READ && fuse_body(request, length, &asked, sizeof asked) &&
           asked.size >= LARGE_READ_BYTES;
}

/* The kernel waits for no RELEASE and ignores what it says, so its reply need not come from the host. Returns false for other requests. */
static bool answer_release(uint8_t *request)
{
    struct fuse_in_header header;
    memcpy(&header, request, sizeof header);
    if (header.opcode != FUSE_RELEASE || header.len < RELEASE_FLAGS_AT + 4)
        return false;
    store_u32(request + RELEASE_FLAGS_AT, load_u32(request + RELEASE_FLAGS_AT) | GONDOLIN_RELEASE_ANSWERED);
    kernel_reply(device_fd, header.unique, 0, NULL, 0);
    return true;
}

/* Sends what is in `buffer`. */
static void send_buffer(void)
{
    file_port_send(buffer, released_bytes);
    released_bytes = 0;
}

static void pass_request(uint8_t *request, size_t count)
{
    pump_processor_note(load_u32(request + PID_AT), is_large_read(request, count));
    if (new_files_answer(device_fd, request, count) || written_answer(device_fd, request, count) ||
        absent_names_answer(device_fd, request, count))
        return;
    reply_disk_mark(request);
    const bool is_release = answer_release(request);
    if (is_release && released_bytes == 0)
        release_at_ms = clock_coarse_ms() + MAX_RELEASE_WAIT_MS;
    released_bytes += count;
    if (is_release && released_bytes < MAX_RELEASES_BYTES)
        return;
    send_buffer();
}

/* Returns how long to wait for the next request before something must be sent, in milliseconds; -1 for ever. */
static int wait_ms(void)
{
    const int data_ms = new_files_wait_ms();
    if (released_bytes == 0)
        return data_ms;
    const int64_t left = release_at_ms - clock_coarse_ms();
    const int release_ms = left > 0 ? (int)left : 0;
    return data_ms >= 0 && data_ms < release_ms ? data_ms : release_ms;
}

/* Waits for a request, and sends what cannot wait as long. */
static void await_request(void)
{
    struct pollfd device = {.fd = device_fd, .events = POLLIN};
    int wait;
    while ((wait = wait_ms()) >= 0 && (wait == 0 || poll(&device, 1, wait) == 0)) {
        if (released_bytes > 0 && clock_coarse_ms() >= release_at_ms)
            send_buffer();
        new_files_send_late();
    }
}

/* One read(2) returns one whole request, which starts with its length. */
static void *run(void *unused)
{
    (void)unused;
    pump_processor_join();
    for (;;) {
        await_request();
        long count = read(device_fd, buffer + released_bytes, BUFFER_BYTES - released_bytes);
        if (count > 0)
            pass_request(buffer + released_bytes, (size_t)count);
        /* Otherwise the request was interrupted before it was read. */
        else if (count < 0 && errno != ENOENT && errno != EINTR && errno != EAGAIN)
            break;
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

bool fuse_requests_start(int fuse_fd, struct failure *failure)
{
    device_fd = fuse_fd;
    buffer = malloc(BUFFER_BYTES);
    errno = buffer == NULL ? ENOMEM : thread_start(run, NULL, STACK_BYTES);
    return errno == 0 || failed(failure, "start the thread of file requests");
}

void fuse_requests_expect_end(void)
{
    atomic_store(&is_stopping, true);
}
