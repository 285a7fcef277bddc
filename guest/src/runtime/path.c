#include "runtime/path.h"

#include <limits.h>
#include <sys/stat.h>

#include "runtime/util.h"

int make_path(const char *path)
{
    char part[PATH_MAX];
    size_t length = strnlen(path, sizeof part);
    if (length == sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(part, path, length + 1);
    for (size_t at = 1; at <= length; at++) {
        if (part[at] != '/' && part[at] != '\0')
            continue;
        part[at] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return -1;
        part[at] = path[at];
    }
    struct stat status;
    if (stat(path, &status) != 0)
        return -1;
    errno = ENOTDIR;
    return S_ISDIR(status.st_mode) ? 0 : -1;
}
