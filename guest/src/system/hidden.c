#include "system/hidden.h"

#include <fcntl.h>
#include <sys/stat.h>

#define HIDDEN "/hidden"

static int hidden_fd = -1;

bool hidden_make(struct failure *failure)
{
    if (mkdir(HIDDEN, 0700) != 0)
        return failed(failure, "mkdir " HIDDEN);
    hidden_fd = open(HIDDEN, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return hidden_fd >= 0 || failed(failure, "open " HIDDEN);
}

int hidden_directory(void)
{
    return hidden_fd;
}
