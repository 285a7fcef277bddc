#include "file/mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "file/disk.h"
#include "file/fuse.h"
#include "file/target.h"
#include "runtime/util.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif

static int port_fd = -1;
static int fuse_root_fd = -1;
/* A program has the port: no mount of the host can use it. */
static bool is_port_taken;

void mount_init(int fs_port_fd)
{
    port_fd = fs_port_fd;
}

int mount_take_port(void)
{
    errno = EBUSY;
    if (fuse_root_fd >= 0 || is_port_taken)
        return -1;
    int fd = fcntl(port_fd, F_DUPFD_CLOEXEC, 3);
    is_port_taken = fd >= 0;
    return fd;
}

static bool mount_host(const struct mount_request *request, struct failure *failure)
{
    if (is_port_taken) {
        errno = EBUSY;
        return failed(failure, "file channel for %s", request->target);
    }
    if (fuse_root_fd < 0)
        fuse_root_fd = fuse_start(port_fd, failure);
    if (fuse_root_fd < 0)
        return false;
    AUTO_CLOSE int tree =
        (int)syscall(SYS_open_tree, fuse_root_fd, request->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct stat status;
    if (tree < 0 || fstat(tree, &status) != 0)
        return failed(failure, "open host mount for %s", request->target);
    if ((request->flags & GONDOLIN_MOUNT_FLAG_READONLY) != 0) {
        struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
        if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0)
            return failed(failure, "make read-only %s", request->target);
    }
    if (!target_make(request->target, !S_ISDIR(status.st_mode), failure))
        return false;
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;
    return syscall(SYS_move_mount, tree, "", AT_FDCWD, request->target, flags) == 0 ||
           failed(failure, "mount %s", request->target);
}

static bool mount_memory(const struct mount_request *request, struct failure *failure)
{
    char options[128];
    (void)snprintf(options, sizeof options, "size=%llu,mode=%o,uid=%u,gid=%u", (unsigned long long)request->size_bytes,
                   request->mode, request->uid, request->gid);
    if (!target_make(request->target, false, failure))
        return false;
    unsigned long flags = (request->flags & GONDOLIN_MOUNT_FLAG_READONLY) != 0 ? MS_RDONLY : 0;
    return mount("tmpfs", request->target, "tmpfs", flags, options) == 0 ||
           failed(failure, "mount %s", request->target);
}

bool mount_serve(const struct mount_request *request, struct failure *failure)
{
    if (*request->target != '/') {
        errno = EINVAL;
        return failed(failure, "mount %s", request->target);
    }
    if (request->kind == GONDOLIN_MOUNT_KIND_HOST)
        return mount_host(request, failure);
    if (request->kind == GONDOLIN_MOUNT_KIND_DISK)
        return disk_mount(request, failure);
    return mount_memory(request, failure);
}
