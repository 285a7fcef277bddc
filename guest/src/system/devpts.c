#include "system/devpts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "runtime/util.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

static int directory_fd = -1;

bool devpts_init(struct failure *failure)
{
    directory_fd = open("/dev/pts", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return directory_fd >= 0 || failed(failure, "open /dev/pts");
}

int devpts_open(void)
{
    /* Not what root of the guest may have mounted over it, whose open() may never return. */
    struct open_how how = {
        .flags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC,
        .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
    };
    const int unlocked = 0;
    AUTO_CLOSE int fd = (int)syscall(SYS_openat2, directory_fd, "ptmx", &how, sizeof how);
    if (fd < 0 || ioctl(fd, TIOCSPTLCK, &unlocked) != 0)
        return -1;
    return take_fd(&fd);
}
