#include "file/fuse.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "file/fuse_pump.h"
#include "file/fuse_requests.h"
#include "runtime/log.h"
#include "runtime/util.h"
#include "system/hidden.h"

#define READ_AHEAD_KB "2048"

static int root_mount_fd = -1;

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
static int mount_hidden(int fuse_fd)
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

/* The kernel's default of 128 KiB makes large reads four times slower; with two of 1 MiB one is served while the other is copied. It applies once INIT has its reply. */
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
    AUTO_CLOSE int fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse_fd < 0) {
        (void)failed(failure, "open /dev/fuse");
        return -1;
    }
    AUTO_CLOSE int mount_fd = mount_hidden(fuse_fd);
    if (mount_fd < 0) {
        (void)failed(failure, "mount fuse");
        return -1;
    }
    if (!fuse_pump_start(take_fd(&fuse_fd), port_fd, failure))
        return -1;
    set_read_ahead(mount_fd);
    root_mount_fd = take_fd(&mount_fd);
    return fuse_pump_start_edits(root_mount_fd, failure) ? root_mount_fd : -1;
}

void fuse_stop(void)
{
    fuse_requests_expect_end();
    if (root_mount_fd < 0)
        return;
    /* By its descriptor, because no path leads to it. The last unmount writes back and forgets every file. */
    if (fchdir(root_mount_fd) != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
        log_console("file channel: unmount: %s", strerror(errno));
    close_quietly(take_fd(&root_mount_fd));
}
