#include "file/target.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "runtime/path.h"
#include "runtime/util.h"

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

bool target_make(const char *target, bool is_file, struct failure *failure)
{
    if (!is_file)
        return make_path(target) == 0 || failed(failure, "mkdir %s", target);
    if (!make_parent(target, failure))
        return false;
    AUTO_CLOSE int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    return fd >= 0 || failed(failure, "create %s", target);
}
