#include "system/boot.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "runtime/lines.h"
#include "runtime/util.h"

#define PORT_CLASS "/sys/class/virtio-ports"
#define PORT_WAIT_MS 2000
#define PORT_POLL_MS 2
#define MAX_PATH_BYTES 512

static bool mount_at(const char *type, const char *path, unsigned long flags, const char *options,
                     struct failure *failure)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        return failed(failure, "mkdir %s", path);
    /* The kernel may have mounted devtmpfs itself. */
    if (mount(type, path, type, flags, options) != 0 && errno != EBUSY)
        return failed(failure, "mount %s", path);
    return true;
}

bool boot_mount(struct failure *failure)
{
    const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    return mount_at("proc", "/proc", plain, NULL, failure) && mount_at("sysfs", "/sys", plain, NULL, failure) &&
           mount_at("devtmpfs", "/dev", MS_NOSUID, "mode=0755", failure);
}

static int load_module(char *name, void *context)
{
    char path[MAX_PATH_BYTES];
    if (*name == '\0')
        return 0;
    (void)snprintf(path, sizeof path, "/modules/%s", name);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && (syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST))
        return 0;
    (void)failed(context, "load module %s", name);
    return 1;
}

bool boot_load_modules(struct failure *failure)
{
    int result = lines_each("/modules.order", load_module, failure);
    if (result < 0)
        return failed(failure, "read /modules.order");
    return result == 0;
}

/* Returns true if the port `entry` has that name. */
static bool is_port_named(const char *entry, const char *name)
{
    char path[MAX_PATH_BYTES];
    char found[64];
    (void)snprintf(path, sizeof path, PORT_CLASS "/%s/name", entry);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    long count = fd < 0 ? -1 : RETRY_EINTR(read(fd, found, sizeof found - 1));
    if (count < 0)
        return false;
    found[count] = '\0';
    found[strcspn(found, "\n")] = '\0';
    return strcmp(found, name) == 0;
}

static int try_open_port(const char *name, int flags)
{
    AUTO_CLOSEDIR DIR *ports = opendir(PORT_CLASS);
    struct dirent *entry;
    while (ports != NULL && (entry = readdir(ports)) != NULL) {
        if (entry->d_name[0] == '.' || !is_port_named(entry->d_name, name))
            continue;
        char path[MAX_PATH_BYTES];
        (void)snprintf(path, sizeof path, "/dev/%s", entry->d_name);
        return open(path, O_RDWR | O_CLOEXEC | flags);
    }
    errno = ENOENT;
    return -1;
}

int boot_open_port(const char *name, int flags, struct failure *failure)
{
    const struct timespec pause = {.tv_nsec = PORT_POLL_MS * 1000000L};
    for (int waited_ms = 0; waited_ms < PORT_WAIT_MS; waited_ms += PORT_POLL_MS) {
        int fd = try_open_port(name, flags);
        if (fd >= 0)
            return fd;
        (void)nanosleep(&pause, NULL);
    }
    (void)failed(failure, "open port %s", name);
    return -1;
}

static int remove_module(char *name, void *context)
{
    char path[MAX_PATH_BYTES];
    (void)context;
    (void)snprintf(path, sizeof path, "/modules/%s", name);
    (void)unlink(path);
    return 0;
}

void boot_free_initramfs(void)
{
    (void)lines_each("/modules.order", remove_module, NULL);
    (void)unlink("/modules.order");
    (void)unlink("/init");
}
