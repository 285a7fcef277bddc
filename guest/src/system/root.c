#include "system/root.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "runtime/log.h"
#include "runtime/path.h"
#include "runtime/util.h"
#include "system/block_device.h"
#include "system/boot.h"
#include "system/cgroup.h"
#include "system/cgroup_pool.h"
#include "system/devpts.h"
#include "system/hidden.h"
#include "system/identity.h"

#define LOWER "/lower"
#define UPPER "/upper"
#define NEW_ROOT "/newroot"
#define OVERLAY_LAYERS "lowerdir=" LOWER ",upperdir=" UPPER "/upper,workdir=" UPPER "/work"
#define OVERLAY_OPTIONS OVERLAY_LAYERS ",redirect_dir=on,metacopy=on,index=off,xino=off"
/* src/machine/qemu-arguments.ts */
#define ROOT_DISK_SERIAL "root"
#define DEVICE_WAIT_MS 5000
#define DEVICE_POLL_MS 5

static int initramfs_fd = -1;
static bool is_switched;
static bool is_on_disk;

static bool mount_new(const char *type, const char *path, unsigned long flags, const char *options,
                      struct failure *failure)
{
    if (make_path(path) != 0)
        return failed(failure, "mkdir %s", path);
    if (mount(type, path, type, flags, options) != 0)
        return failed(failure, "mount %s", path);
    return true;
}

/*
 * The disk ends with the machine: it has no journal, and nothing fills its tables in the background. What is deleted becomes free on
 * the host (discard).
 */
static bool mount_upper_disk(struct failure *failure)
{
    char device[BLOCK_DEVICE_PATH_BYTES];
    if (!block_device_find(ROOT_DISK_SERIAL, device, sizeof device, failure))
        return false;
    if (mount(device, UPPER, "ext4", MS_NOATIME, "discard,noinit_itable,errors=remount-ro") != 0)
        return failed(failure, "mount the disk of the root");
    return true;
}

static bool mount_upper(uint8_t mode, struct failure *failure)
{
    if (mode == GONDOLIN_ROOT_MODE_DISK)
        return mount_upper_disk(failure);
    if (mount("tmpfs", UPPER, "tmpfs", 0, "mode=0755") != 0)
        return failed(failure, "mount " UPPER);
    return true;
}

/* The driver may still be probing it. */
static bool wait_for_device(const char *path, struct failure *failure)
{
    const struct timespec pause = {.tv_nsec = DEVICE_POLL_MS * 1000000L};
    for (int waited_ms = 0; waited_ms < DEVICE_WAIT_MS; waited_ms += DEVICE_POLL_MS) {
        if (access(path, F_OK) == 0)
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return failed(failure, "wait %d ms for the root device %s", DEVICE_WAIT_MS, path);
}

static bool mount_overlay(const struct root_request *request, struct failure *failure)
{
    if (mkdir(LOWER, 0755) != 0 || mkdir(UPPER, 0755) != 0 || mkdir(NEW_ROOT, 0755) != 0)
        return failed(failure, "mkdir " NEW_ROOT);
    if (!wait_for_device(request->device, failure))
        return false;
    if (mount(request->device, LOWER, request->filesystem, MS_RDONLY, NULL) != 0)
        return failed(failure, "mount %s as %s", request->device, request->filesystem);
    if (!mount_upper(request->mode, failure))
        return false;
    if (mkdir(UPPER "/upper", 0755) != 0 || mkdir(UPPER "/work", 0755) != 0)
        return failed(failure, "mkdir " UPPER "/work");
    /*
     * As on a plain disk: directories of the image can be renamed (redirect_dir), and a new owner or mode copies no
     * content into memory (metacopy). No xino: it sets the highest bits of inode numbers, and programs that hold them
     * as doubles (Node) see neighbours as equal. No index: the image's squashfs has no file handles. Volatile: a disk
     * that ends with the machine is never flushed.
     */
    const char *options = request->mode == GONDOLIN_ROOT_MODE_DISK ? OVERLAY_OPTIONS ",volatile" : OVERLAY_OPTIONS;
    is_on_disk = request->mode == GONDOLIN_ROOT_MODE_DISK;
    if (mount("overlay", NEW_ROOT, "overlay", 0, options) != 0)
        return failed(failure, "mount overlay");
    return true;
}

static bool move_into(const char *path, struct failure *failure)
{
    char target[64];
    (void)snprintf(target, sizeof target, NEW_ROOT "%s", path);
    if (mkdir(target, 0755) != 0 && errno != EEXIST)
        return failed(failure, "mkdir %s", target);
    if (mount(path, target, NULL, MS_MOVE, NULL) != 0)
        return failed(failure, "move %s", path);
    return true;
}

static bool enter_new_root(struct failure *failure)
{
    if (!move_into("/proc", failure) || !move_into("/sys", failure) || !move_into("/dev", failure))
        return false;
    boot_free_initramfs();
    if (chdir(NEW_ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
        return failed(failure, "switch root");
    is_switched = true;
    return true;
}

static void link_once(const char *target, const char *path)
{
    if (symlink(target, path) != 0 && errno != EEXIST)
        log_warning("symlink %s: %s", path, strerror(errno));
}

/* Mounts what programs expect on every Linux. */
static bool mount_runtime(struct failure *failure)
{
    const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (!mount_new("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755", failure) ||
        !mount_new("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", failure) ||
        !mount_new("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5", failure) ||
        !devpts_init(failure))
        return false;
    /* Not optional: without it a command could leave processes that no kill reaches. */
    if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", plain, NULL) != 0)
        return failed(failure, "mount cgroup2 (the guest's kernel must have control groups of version 2)");
    static const char *const shared[] = {"/run/lock", "/run/gondolin"};
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++) {
        (void)mkdir(shared[i], 01777);
        (void)chmod(shared[i], 01777);
    }
    link_once("/proc/self/fd", "/dev/fd");
    link_once("/proc/self/fd/0", "/dev/stdin");
    link_once("/proc/self/fd/1", "/dev/stdout");
    link_once("/proc/self/fd/2", "/dev/stderr");
    return true;
}

static void bring_loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        log_warning("cannot bring up the loopback interface: %s", strerror(errno));
}

static void write_hosts_if_missing(void)
{
    static const char hosts[] = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
    struct stat status;
    if (stat("/etc/hosts", &status) == 0 && status.st_size > 0)
        return;
    AUTO_CLOSE int fd = open("/etc/hosts", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd >= 0 && RETRY_EINTR(write(fd, hosts, sizeof hosts - 1)) < 0)
        log_warning("cannot write /etc/hosts: %s", strerror(errno));
}

bool root_switch(const struct root_request *request, struct failure *failure)
{
    initramfs_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (initramfs_fd < 0)
        return failed(failure, "open /");
    if (!hidden_make(failure))
        return false;
    if (*request->device != '\0' && (!mount_overlay(request, failure) || !enter_new_root(failure)))
        return false;
    if (!mount_runtime(failure))
        return false;
    if (cgroup_setup() != 0)
        return failed(failure, "make a control group (cgroup2)");
    cgroup_pool_fill();
    bring_loopback_up();
    write_hosts_if_missing();
    return identity_prepare(failure);
}

bool root_seal(struct failure *failure)
{
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | MS_BIND, NULL) != 0)
        return failed(failure, "remount /");
    return true;
}

static void unmount(const char *path)
{
    if (umount2(path, MNT_DETACH) != 0)
        log_console("unmount %s: %s", path, strerror(errno));
}

void root_unmount(void)
{
    /* Before ROOT, or with the initramfs as the root, there is nothing to unmount. */
    if (!is_switched)
        return;
    AUTO_CLOSE int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* Back to the initramfs first, so that the agent holds nothing of the root that it unmounts. */
    if (root_fd < 0 || fchdir(initramfs_fd) != 0 || chroot(".") != 0 || fchdir(root_fd) != 0) {
        log_console("leave the root: %s", strerror(errno));
        return;
    }
    unmount(".");
    if (chdir("/") != 0)
        log_console("leave the root: %s", strerror(errno));
    close_quietly(take_fd(&root_fd));
    /* Unmounting would write to a disk what nobody reads any more. */
    if (!is_on_disk)
        unmount(UPPER);
    unmount(LOWER);
}
