/*
 * The agent as an ordinary process, under ASan and UBSan: its real loop, port, streams, commands and file pump.
 * Stand-ins replace what changes the machine (ROOT, MOUNT, IDENTITY, NETWORK, FILE, SHUTDOWN and the sweep of /proc).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "channel/outbox.h"
#include "channel/port.h"
#include "channel/reply.h"
#include "exec/exec.h"
#include "file/disk.h"
#include "file/file.h"
#include "file/fuse_pump.h"
#include "file/java_store.h"
#include "file/mount.h"
#include "freeze.h"
#include "net/connect.h"
#include "net/network.h"
#include "net/tcp.h"
#include "requests.h"
#include "runtime/log.h"
#include "runtime/loop.h"
#include "runtime/worker.h"
#include "shutdown.h"
#include "system/devpts.h"
#include "system/hidden.h"
#include "system/identity.h"
#include "system/power.h"
#include "system/root.h"
#include "system/session.h"

/* If a descendant holds an output open after its command has ended, only the kernel's epoll set refers to the pipe. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:output_pipe_create\n";
}

bool root_switch(const struct root_request *request, struct failure *failure)
{
    (void)request;
    errno = EALREADY;
    return failed(failure, "root");
}

bool root_seal(struct failure *failure)
{
    errno = EALREADY;
    return failed(failure, "seal");
}

int devpts_open(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && unlockpt(fd) != 0)
        return -1;
    return fd;
}

int hidden_directory(void)
{
    return -1;
}

int mount_take_port(void)
{
    errno = EBUSY;
    return -1;
}

bool mount_serve(const struct mount_request *request, struct failure *failure)
{
    errno = EINVAL;
    return failed(failure, "mount %s", request->target);
}

bool disk_detach_all(struct failure *failure)
{
    (void)failure;
    return true;
}

bool disk_attach_all(struct failure *failure)
{
    (void)failure;
    return true;
}

bool identity_set(const struct identity_request *identity, struct failure *failure)
{
    (void)identity;
    (void)failure;
    return true;
}

bool net_start(struct failure *failure)
{
    (void)failure;
    return true;
}

void net_tcp_accept_more(void)
{
}

void java_store_set(const char *path)
{
    (void)path;
}

void java_store_link(void)
{
}

bool file_write(const struct file_request *request, struct failure *failure)
{
    errno = EINVAL;
    return failed(failure, "open %s", request->path);
}

void power_off(void)
{
    _exit(EXIT_BROKEN_RULE);
}

void shutdown_begin(void)
{
}

void shutdown_finish(void)
{
    exit(0);
}

uint32_t session_begin(uid_t uid)
{
    return uid + 1;
}

int session_proc(void)
{
    return -1;
}

bool session_kill(uint32_t id, bool *has_found)
{
    (void)id;
    (void)has_found;
    return true;
}

static void on_child(struct loop_source *source, uint32_t events)
{
    uint8_t information[128];
    int status;
    pid_t pid;
    (void)events;
    (void)read(source->fd, information, sizeof information);
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        (void)exec_on_reaped(pid, status);
}

static bool on_batch_end(void)
{
    bool is_busy = port_flush();
    if (requests_want_shutdown() && outbox_is_empty(port_outbox()))
        shutdown_finish();
    return is_busy;
}

void run_agent(int control_fd, int fs_fd, int device_fd)
{
    static struct loop_source children;
    struct failure failure;
    sigset_t child_signal;
    (void)sigemptyset(&child_signal);
    (void)sigaddset(&child_signal, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &child_signal, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    children =
        (struct loop_source){.fd = signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK), .on_ready = on_child};
    if (log_open_queue() != 0 || loop_init() != 0 || loop_add(&children, EPOLLIN) != 0 || worker_init() != 0)
        exit(1);
    loop_on_batch_end(on_batch_end);
    /* A socket pair takes the place of /dev/fuse. */
    if (port_init(control_fd, &requests_handlers) != 0 || !fuse_pump_start(device_fd, fs_fd, &failure))
        exit(1);
    net_connect_init();
    reply_hello();
    (void)loop_run();
    exit(1);
}
