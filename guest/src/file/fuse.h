/* The FUSE file system of the host's mounts. */
#ifndef GONDOLIN_FUSE_H
#define GONDOLIN_FUSE_H

#include "runtime/failure.h"

/*
 * Mounts the file system where no path of the guest leads, and starts the pump between it and the port `port_fd`
 * (blocking). Call once, after the root is switched. Returns a descriptor of the mount's root,
 * or -1 with the failure.
 */
int fuse_start(int port_fd, struct failure *failure);

/* Unmounts the agent's own mount of the host's files, which keeps them in use after all others are gone. */
void fuse_stop(void);

#endif
