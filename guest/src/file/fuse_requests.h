/* The thread that passes requests of the kernel to the host, and replies to those that need no host. */
#ifndef GONDOLIN_FUSE_REQUESTS_H
#define GONDOLIN_FUSE_REQUESTS_H

#include <stdbool.h>

#include "runtime/failure.h"

/* Starts the thread. `fuse_fd` stays open. Call once, after file_port_start(). */
bool fuse_requests_start(int fuse_fd, struct failure *failure);

/* From now on the end of the mount is no error. */
void fuse_requests_expect_end(void);

#endif
