#include "mount.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fuse.h"
#include "loop.h"
#include "process.h"
#include "reply.h"
#include "root.h"
#include "util.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif

static int port_fd = -1;
static int fuse_root_fd = -1;

/* A child that mounts; how it went comes over the pipe. */
struct pending {
    struct loop_source report;
    uint32_t request_id;
};

void mount_init(int fs_port_fd)
{
    port_fd = fs_port_fd;
}

/* In the child from here on: system calls and static memory only. */

static void make_target(int report, const char *target, bool is_file)
{
    static char parent[PATH_MAX];
    if (!is_file) {
        if (root_make_path(target) != 0)
            process_fail(report, errno, "mkdir ", target);
        return;
    }
    size_t length = strnlen(target, sizeof parent - 1);
    memcpy(parent, target, length);
    parent[length] = '\0';
    char *slash = strrchr(parent, '/');
    if (slash != NULL && slash != parent) {
        *slash = '\0';
        if (root_make_path(parent) != 0)
            process_fail(report, errno, "mkdir ", parent);
    }
    int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    if (fd < 0)
        process_fail(report, errno, "create ", target);
    (void)close(fd);
}

static void mount_host(int report, const struct mount_request *request)
{
    int tree = (int)syscall(SYS_open_tree, fuse_root_fd, request->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        process_fail(report, errno, "open host mount for ", request->target);
    struct stat status;
    if (fstat(tree, &status) != 0)
        process_fail(report, errno, "stat host mount for ", request->target);
    if ((request->flags & GONDOLIN_MOUNT_FLAG_READONLY) != 0) {
        struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
        if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
            process_fail(report, errno, "make read-only ", request->target);
    }
    make_target(report, request->target, !S_ISDIR(status.st_mode));
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, request->target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) !=
        0)
        process_fail(report, errno, "mount ", request->target);
}

static void mount_memory(int report, const struct mount_request *request)
{
    char options[128];
    (void)snprintf(options, sizeof options, "size=%llu,mode=%o,uid=%u,gid=%u", (unsigned long long)request->size_bytes,
                   request->mode, request->uid, request->gid);
    make_target(report, request->target, false);
    unsigned long flags = (request->flags & GONDOLIN_MOUNT_FLAG_READONLY) != 0 ? MS_RDONLY : 0;
    if (mount("tmpfs", request->target, "tmpfs", flags, options) != 0)
        process_fail(report, errno, "mount ", request->target);
}

struct mount_child {
    const struct mount_request *request;
    int report_fd;
};

static void mount_child_run(const void *context)
{
    const struct mount_child *child = context;
    if (child->request->kind == GONDOLIN_MOUNT_KIND_HOST)
        mount_host(child->report_fd, child->request);
    else
        mount_memory(child->report_fd, child->request);
    /* No error: an end of file without a word means that the child died. */
    process_fail(child->report_fd, 0, "", "");
}

/* In the agent again. */

static void on_report(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct pending *pending = LOOP_OWNER(source, struct pending, report);
    struct failure failure;
    if (!process_read_failure(source->fd, &failure))
        reply_error(pending->request_id, EIO, "mount");
    else if (failure.error != 0)
        reply_failed(pending->request_id, &failure);
    else
        reply_ok(pending->request_id);
    loop_remove(source);
    close_quietly(source->fd);
    free(pending);
}

static bool prepare(const struct mount_request *request, struct failure *failure)
{
    if (*request->target != '/') {
        errno = EINVAL;
        return failed(failure, "mount %s", request->target);
    }
    if (request->kind == GONDOLIN_MOUNT_KIND_HOST && fuse_root_fd < 0)
        fuse_root_fd = fuse_start(port_fd, failure);
    return request->kind != GONDOLIN_MOUNT_KIND_HOST || fuse_root_fd >= 0;
}

void mount_start(uint32_t request_id, const struct mount_request *request)
{
    struct failure failure;
    int ends[2];
    if (!prepare(request, &failure)) {
        reply_failed(request_id, &failure);
        return;
    }
    struct pending *pending = calloc(1, sizeof *pending);
    if (pending == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        free(pending);
        reply_error(request_id, ENOMEM, "mount");
        return;
    }
    const struct mount_child child = {.request = request, .report_fd = ends[1]};
    pid_t pid = process_spawn(-1, mount_child_run, &child);
    int error = errno;
    (void)close(ends[1]);
    *pending = (struct pending){.report = {.fd = ends[0], .on_ready = on_report}, .request_id = request_id};
    if (pid < 0 || loop_add(&pending->report, EPOLLIN) != 0) {
        (void)close(ends[0]);
        free(pending);
        reply_error(request_id, pid < 0 ? error : errno, "mount");
    }
}
