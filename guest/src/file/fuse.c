#include "file/fuse.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>

#include "file/edits.h"
#include "file/notices.h"
#include "protocol.h"
#include "runtime/log.h"
#include "runtime/util.h"
#include "system/hidden.h"
#include "system/power.h"

/* Holds reads and writes of 1 MiB with their headers; the kernel requires room for one whole request. */
#define BUFFER_BYTES GONDOLIN_MAX_FUSE_MESSAGE_BYTES
#define STACK_BYTES (64 * 1024)
#define READ_AHEAD_KB "1024"
/* A port reads as empty until the guest has noticed that the host is connected: that is not the end, so read again. */
#define UNCONNECTED_PAUSE_NS 2000000L

static int fuse_fd = -1;
static int pump_fd = -1;
static int root_mount_fd = -1;
static int edits_fd = -1;
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

bool fuse_pause(void)
{
    (void)pthread_mutex_lock(&gate);
    is_paused = true;
    bool is_quiet = !is_sending;
    (void)pthread_mutex_unlock(&gate);
    return is_quiet;
}

void fuse_resume(void)
{
    (void)pthread_mutex_lock(&gate);
    is_paused = false;
    (void)pthread_cond_broadcast(&gate_opened);
    (void)pthread_mutex_unlock(&gate);
}

void fuse_counts(uint64_t *sent, uint64_t *received)
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
        long written = write(pump_fd, bytes, count);
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

/* Requests: one read(2) returns one whole request, which starts with its length. */
static void *pump_requests(void *unused)
{
    (void)unused;
    uint8_t *buffer = allocate_buffer();
    for (;;) {
        long count = read(fuse_fd, buffer, BUFFER_BYTES);
        if (count > 0) {
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

static void read_from_port(uint8_t *bytes, size_t count)
{
    while (count > 0) {
        long got = read(pump_fd, bytes, count);
        if (got > 0) {
            bytes += got;
            count -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            pause_unconnected();
        }
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
    else if (RETRY_EINTR(write(fuse_fd, message, length)) < 0 && errno != ENOENT && errno != ENOTDIR && errno != ENODEV)
        log_warning("file channel: the kernel refused a notification: %s", strerror(errno));
    count_received(length);
}

/* Replies: each is passed to the kernel in one write(2). */
static void *pump_replies(void *unused)
{
    (void)unused;
    uint8_t *buffer = allocate_buffer();
    for (;;) {
        read_from_port(buffer, GONDOLIN_MIN_FUSE_MESSAGE_BYTES);
        uint32_t length = load_u32(buffer);
        if (length < GONDOLIN_MIN_FUSE_MESSAGE_BYTES || length > BUFFER_BYTES) {
            char what[64];
            (void)snprintf(what, sizeof what, "the host sent a message of %u bytes", length);
            die(what);
        }
        read_from_port(buffer + GONDOLIN_MIN_FUSE_MESSAGE_BYTES, length - GONDOLIN_MIN_FUSE_MESSAGE_BYTES);
        if (is_notification(buffer)) {
            if (!notices_add(buffer, length))
                die("out of memory for a notification");
            continue;
        }
        /* ENOENT: the request was interrupted, and nobody waits for the reply. */
        if (RETRY_EINTR(write(fuse_fd, buffer, length)) < 0 && errno != ENOENT)
            log_warning("file channel: the kernel refused a reply: %s", strerror(errno));
        count_received(length);
    }
}

static bool start_thread(void *(*run)(void *), void *argument, struct failure *failure)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&thread, &attributes, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return errno == 0 || failed(failure, "start the file pump");
}

static bool set_string(int context, const char *key, const char *value)
{
    return syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0) == 0;
}

static bool set_flag(int context, const char *key)
{
    return syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, key, NULL, 0) == 0;
}

/*
 * Mounted in a hidden directory: binds can only be cloned from a mount that is somewhere in the tree. No nosuid and
 * nodev: set-user-ID files and devices matter inside the guest only and never reach the host.
 */
static int mount_hidden(void)
{
    char descriptor[16];
    (void)snprintf(descriptor, sizeof descriptor, "%d", fuse_fd);
    AUTO_CLOSE int context = (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);
    if (context < 0 || !set_string(context, "source", "gondolin") || !set_string(context, "fd", descriptor) ||
        !set_string(context, "rootmode", "40000") || !set_string(context, "user_id", "0") ||
        !set_string(context, "group_id", "0") || !set_string(context, "max_read", "1048576") ||
        !set_flag(context, "allow_other") || !set_flag(context, "default_permissions") ||
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return -1;
    AUTO_CLOSE int mount_fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
    if (mount_fd < 0 || syscall(SYS_move_mount, mount_fd, "", hidden_directory(), "",
                                MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
        return -1;
    return take_fd(&mount_fd);
}

/* The kernel's default of 128 KiB makes large reads four times slower. It applies once INIT has its reply. */
static void set_read_ahead(int mount_fd)
{
    struct statx status;
    char path[64];
    /* The device number is known here: asking the host would block the loop. */
    if (syscall(SYS_statx, mount_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) != 0)
        return;
    (void)snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", status.stx_dev_major, status.stx_dev_minor);
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, READ_AHEAD_KB, sizeof READ_AHEAD_KB - 1) < 0)
        log_warning("cannot set the read-ahead of host mounts: %s", strerror(errno));
}

int fuse_start(int port_fd, struct failure *failure)
{
    pump_fd = port_fd;
    fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse_fd < 0) {
        (void)failed(failure, "open /dev/fuse");
        return -1;
    }
    AUTO_CLOSE int mount_fd = mount_hidden();
    if (mount_fd < 0) {
        (void)failed(failure, "mount fuse");
        return -1;
    }
    static notices_pass pass = pass_notification;
    if (!start_thread(pump_requests, NULL, failure) || !start_thread(pump_replies, NULL, failure) ||
        !start_thread(notices_run, &pass, failure))
        return -1;
    set_read_ahead(mount_fd);
    root_mount_fd = take_fd(&mount_fd);
    edits_fd = root_mount_fd;
    return start_thread(edits_run, &edits_fd, failure) ? root_mount_fd : -1;
}

void fuse_stop(void)
{
    atomic_store(&is_stopping, true);
    if (root_mount_fd < 0)
        return;
    /* By its descriptor, because no path leads to it. The last unmount writes back and forgets every file. */
    if (fchdir(root_mount_fd) != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        log_console("file channel: unmount: %s", strerror(errno));
    close_quietly(take_fd(&root_mount_fd));
}
