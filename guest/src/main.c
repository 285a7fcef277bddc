/* gondolin's guest agent: PID 1 of every guest. Runs the stages of a boot in order, then the loop. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "channel/outbox.h"
#include "channel/port.h"
#include "channel/reply.h"
#include "exec/exec.h"
#include "file/mount.h"
#include "files/program.h"
#include "net/connect.h"
#include "requests.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/util.h"
#include "runtime/worker.h"
#include "shutdown.h"
#include "system/boot.h"
#include "system/power.h"
#include "system/session.h"

#define MAX_OPEN_FILES 65536

/* Ended children that are reaped in one turn of the loop. */
#define MAX_REAPED 64

static struct loop_source children;
static struct loop_timer more_children;
static struct loop_source log_lines;

/*
 * The C library returns pages as soon as they are empty and asks for new ones at once, also between a restore and the
 * first output. Every second block of each size stays allocated, so each free block has a neighbour that keeps its
 * page.
 */
static void keep_allocator_warm(void)
{
    void *blocks[8];
    for (size_t size = 16; size <= 4096; size += size < 256 ? 16 : size / 8) {
        for (size_t i = 0; i < ARRAY_LENGTH(blocks); i++)
            blocks[i] = malloc(size);
        for (size_t i = 0; i < ARRAY_LENGTH(blocks); i += 2)
            free(blocks[i]);
    }
}

/* The console shows why; the host sees QEMU exit. */
static void die(const struct failure *failure)
{
    log_error("%s: %s", failure->stage, strerror(failure->error));
    power_off();
}

/*
 * One signal may announce many children; orphans of the guest are reaped here too, and the guest can make them without
 * end.
 */
static void reap_some(struct loop_timer *timer)
{
    int status;
    for (int i = 0; i < MAX_REAPED; i++) {
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return;
        (void)exec_on_reaped(pid, status);
    }
    loop_timer_set(timer, 1);
}

static void on_child(struct loop_source *source, uint32_t events)
{
    struct signalfd_siginfo information;
    (void)events;
    (void)RETRY_EINTR(read(source->fd, &information, sizeof information));
    more_children.on_due = reap_some;
    reap_some(&more_children);
}

static void on_log_line(struct loop_source *source, uint32_t events)
{
    static char text[GONDOLIN_MAX_LOG_BYTES];
    uint8_t level;
    (void)source;
    (void)events;
    while (log_take(&level, text, sizeof text))
        reply_log(level, text);
}

static bool on_batch_end(void)
{
    bool is_busy = port_flush();
    if (requests_want_shutdown() && outbox_is_empty(port_outbox()))
        shutdown_finish();
    return is_busy;
}

static bool watch(struct loop_source *source, int fd, void (*on_ready)(struct loop_source *, uint32_t))
{
    *source = (struct loop_source){.fd = fd, .on_ready = on_ready};
    return fd >= 0 && loop_add(source, EPOLLIN) == 0;
}

static bool start_loop(int control_fd, struct failure *failure)
{
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child_signal, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    if (loop_init() != 0 || !watch(&children, signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK), on_child) ||
        !watch(&log_lines, log_queue_fd(), on_log_line) || session_init() != 0 || worker_init() != 0)
        return failed(failure, "start the loop");
    loop_on_batch_end(on_batch_end);
    return port_init(control_fd, &requests_handlers) == 0 || failed(failure, "control port");
}

int main(int argc, char **argv)
{
    struct failure failure;
    if (argc > 0 && strcmp(argv[0], FILES_PROGRAM_NAME) == 0)
        return files_run();
    /* Each of many commands needs three pipes and a cgroup. */
    const struct rlimit files = {.rlim_cur = MAX_OPEN_FILES, .rlim_max = MAX_OPEN_FILES};
    /* The agent mounts, kills and powers off: on any machine other than its guest that would be a disaster. */
    if (getpid() != 1) {
        (void)fputs("gondolin-agent: only runs as PID 1 of a guest\n", stderr);
        return 2;
    }
    keep_allocator_warm();
    (void)umask(0);
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (log_open_queue() != 0) {
        (void)failed(&failure, "log queue");
        die(&failure);
    }
    if (!boot_mount(&failure))
        die(&failure);
    log_open_console();
    if (!boot_load_modules(&failure))
        die(&failure);
    int control_fd = boot_open_port("gondolin.control", O_NONBLOCK, &failure);
    int fs_fd = control_fd < 0 ? -1 : boot_open_port("gondolin.fs", 0, &failure);
    if (fs_fd < 0)
        die(&failure);
    mount_init(fs_fd);
    if (!start_loop(control_fd, &failure))
        die(&failure);
    net_connect_init();
    (void)umask(022);
    reply_hello();
    (void)port_flush();
    if (loop_run() != 0)
        (void)failed(&failure, "loop");
    die(&failure);
}
