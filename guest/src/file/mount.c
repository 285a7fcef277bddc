#include "file/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "file/fuse.h"
#include "runtime/path.h"
#include "runtime/util.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef OPEN_TREE_CLOEXEC
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif

static int port_fd = -1;
static int fuse_root_fd = -1;

void mount_init(int fs_port_fd)
{
    port_fd = fs_port_fd;
}

static bool make_parent(const char *target, struct failure *failure)
{
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", target);
    char *slash = strrchr(parent, '/');
    if (slash == NULL || slash == parent)
        return true;
    *slash = '\0';
    return make_path(parent) == 0 || failed(failure, "mkdir %s", parent);
}

static bool make_target(const char *target, bool is_file, struct failure *failure)
{
    if (!is_file)
        return make_path(target) == 0 || failed(failure, "mkdir %s", target);
    if (!make_parent(target, failure))
        return false;
    AUTO_CLOSE int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    return fd >= 0 || failed(failure, "create %s", target);
}

static bool mount_host(const struct mount_request *request, struct failure *failure)
{
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
    if (!make_target(request->target, !S_ISDIR(status.st_mode), failure))
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
    if (!make_target(request->target, false, failure))
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
    return mount_memory(request, failure);
}
