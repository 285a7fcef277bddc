#include "file/disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "file/target.h"
#include "runtime/util.h"
#include "system/block_device.h"
#include "system/hidden.h"

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

/* fs/ext4/ext4.h: _IOW('f', 16, __u64), a number of blocks. */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)
#define BLOCK_BYTES 4096
#define MAX_DISKS 16
/* Not the top of the file system: programs that want an empty directory would find `lost+found` there. */
#define DATA "data"

struct disk {
    /* Its serial number, and the name of its directory in the hidden one. */
    char serial[BLOCK_DEVICE_SERIAL_BYTES + 1];
    char *target;
    /* The directory under the mount: attaching again by it needs no lookup of the path. */
    int under_fd;
    bool is_readonly;
    bool is_attached;
    uint32_t mode;
    uint32_t uid;
    uint32_t gid;
};

static struct disk disks[MAX_DISKS];
static size_t disk_count;

static bool set_option(int context, const char *key, const char *value)
{
    return syscall(SYS_fsconfig, context, value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key, value, 0) == 0;
}

/*
 * Writable also for a read-only volume, whose bind is read-only: the journal of a machine that was killed must be replayed.
 * `discard`: what is deleted becomes free on the host too.
 */
static int mount_ext4(const char *device)
{
    AUTO_CLOSE int context = (int)syscall(SYS_fsopen, "ext4", FSOPEN_CLOEXEC);
    if (context < 0 || !set_option(context, "source", device) || !set_option(context, "discard", NULL) ||
        !set_option(context, "errors", "remount-ro") ||
        syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
        return -1;
    return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
}

/* Drops pages that the kernel read before another machine wrote to the disk, and returns its size. */
static bool open_fresh(const char *device, uint64_t *bytes, struct failure *failure)
{
    AUTO_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, BLKFLSBUF, 0) != 0 || ioctl(fd, BLKGETSIZE64, bytes) != 0)
        return failed(failure, "open %s", device);
    return true;
}

/* Only from a mount somewhere in the tree can a part be cloned. */
static bool place_hidden(const struct disk *disk, int mount_fd, struct failure *failure)
{
    if (mkdirat(hidden_directory(), disk->serial, 0700) != 0 && errno != EEXIST)
        return failed(failure, "mkdir for the disk %s", disk->serial);
    AUTO_CLOSE int place = openat(hidden_directory(), disk->serial, O_PATH | O_DIRECTORY | O_CLOEXEC);
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    return (place >= 0 && syscall(SYS_move_mount, mount_fd, "", place, "", flags) == 0) ||
           failed(failure, "place the disk %s", disk->serial);
}

/* A volume that was made larger. */
static bool grow(const struct disk *disk, int mount_fd, uint64_t bytes, struct failure *failure)
{
    uint64_t blocks = bytes / BLOCK_BYTES;
    AUTO_CLOSE int top = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (top >= 0 && ioctl(top, EXT4_IOC_RESIZE_FS, &blocks) == 0) ||
           failed(failure, "resize the file system of %s", disk->target);
}

static bool make_data(const struct disk *disk, int mount_fd, struct failure *failure)
{
    if (mkdirat(mount_fd, DATA, 0700) != 0)
        return errno == EEXIST || failed(failure, "mkdir on the disk of %s", disk->target);
    return (fchownat(mount_fd, DATA, disk->uid, disk->gid, AT_SYMLINK_NOFOLLOW) == 0 &&
            fchmodat(mount_fd, DATA, disk->mode, 0) == 0) ||
           failed(failure, "set the owner of %s", disk->target);
}

static bool bind_data(const struct disk *disk, int mount_fd, struct failure *failure)
{
    AUTO_CLOSE int tree = (int)syscall(SYS_open_tree, mount_fd, DATA, OPEN_TREE_CLONE | O_CLOEXEC);
    struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
    if (tree < 0 ||
        (disk->is_readonly && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &readonly, sizeof readonly) != 0))
        return failed(failure, "open the disk of %s", disk->target);
    unsigned flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    return syscall(SYS_move_mount, tree, "", disk->under_fd, "", flags) == 0 ||
           failed(failure, "mount %s", disk->target);
}

static bool attach(struct disk *disk, struct failure *failure)
{
    char device[BLOCK_DEVICE_PATH_BYTES];
    uint64_t bytes = 0;
    if (!block_device_find(disk->serial, device, sizeof device, failure) || !open_fresh(device, &bytes, failure))
        return false;
    AUTO_CLOSE int mount_fd = mount_ext4(device);
    if (mount_fd < 0)
        return failed(failure, "mount the disk of %s", disk->target);
    disk->is_attached = true;
    return place_hidden(disk, mount_fd, failure) && grow(disk, mount_fd, bytes, failure) &&
           make_data(disk, mount_fd, failure) && bind_data(disk, mount_fd, failure);
}

bool disk_mount(const struct mount_request *request, struct failure *failure)
{
    struct disk *disk = &disks[disk_count];
    errno = EINVAL;
    if (disk_count == MAX_DISKS || strlen(request->source) > BLOCK_DEVICE_SERIAL_BYTES ||
        strchr(request->source, '/') != NULL || *request->source == '.' || *request->source == '\0')
        return failed(failure, "mount %s", request->target);
    if (!target_make(request->target, false, failure))
        return false;
    *disk = (struct disk){
        .target = strdup(request->target),
        .under_fd = open(request->target, O_PATH | O_DIRECTORY | O_CLOEXEC),
        .is_readonly = (request->flags & GONDOLIN_MOUNT_FLAG_READONLY) != 0,
        .mode = request->mode,
        .uid = request->uid,
        .gid = request->gid,
    };
    (void)snprintf(disk->serial, sizeof disk->serial, "%s", request->source);
    disk_count++;
    return (disk->target != NULL && disk->under_fd >= 0 && attach(disk, failure)) ||
           failed(failure, "open %s", request->target);
}

static bool unmount(struct disk *disk)
{
    char hidden[64];
    if (umount2(disk->target, 0) != 0)
        return false;
    disk->is_attached = false;
    (void)snprintf(hidden, sizeof hidden, "/proc/self/fd/%d/%s", hidden_directory(), disk->serial);
    (void)umount2(hidden, 0);
    return true;
}

/*
 * A mount in another namespace, or one that root of the guest has moved, keeps the file system alive too: only the device
 * tells, which a file system holds exclusively.
 */
static bool is_free(const struct disk *disk)
{
    char device[BLOCK_DEVICE_PATH_BYTES];
    if (!block_device_find_once(disk->serial, device, sizeof device))
        return false;
    AUTO_CLOSE int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);
    return fd >= 0;
}

bool disk_detach_all(struct failure *failure)
{
    for (size_t i = disk_count; i-- > 0;) {
        struct disk *disk = &disks[i];
        if (!disk->is_attached || (unmount(disk) && is_free(disk)))
            continue;
        errno = EBUSY;
        return failed(failure, "%s", disk->target);
    }
    return true;
}

bool disk_attach_all(struct failure *failure)
{
    for (size_t i = 0; i < disk_count; i++) {
        struct disk *disk = &disks[i];
        if (!disk->is_attached && !attach(disk, failure))
            return false;
    }
    return true;
}

bool disk_is_any(void)
{
    return disk_count > 0;
}

void disk_unmount_all(void)
{
    for (size_t i = disk_count; i-- > 0;)
        (void)unmount(&disks[i]);
}
