#include "exec/home.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "runtime/util.h"

#define HOMES "/run/home"

int home_make(uid_t uid, gid_t gid, char *path, size_t capacity)
{
    (void)snprintf(path, capacity, HOMES "/%u", uid);
    if (mkdir(path, 0700) != 0 && errno == ENOENT) {
        if (mkdir(HOMES, 0755) != 0 && errno != EEXIST)
            return -1;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return -1;
    } else if (errno != EEXIST && access(path, F_OK) != 0) {
        return -1;
    }
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return -1;
    /* Another start made it at this moment and has not yet changed its owner. */
    return status.st_uid == uid ? 0 : fchown(fd, uid, gid);
}
