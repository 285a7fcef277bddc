/* Home directories of users that the image lacks. */
#ifndef GONDOLIN_HOME_H
#define GONDOLIN_HOME_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Puts /run/home/UID into `path` and makes it if it is missing: mode 0700, owned by the user. /run is memory and
 * writable even if the root is not, and only root makes names in it. In a child, as root. 0, or -1 with errno.
 */
int home_make(uid_t uid, gid_t gid, char *path, size_t capacity);

#endif
