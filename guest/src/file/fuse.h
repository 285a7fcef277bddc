/* The FUSE file system of the host's mounts, and the pump that carries its messages. */
#ifndef GONDOLIN_FUSE_H
#define GONDOLIN_FUSE_H

#include "runtime/failure.h"
#include <stdint.h>

/*
 * Mounts the file system where no path of the guest leads, and starts two threads that copy messages between /dev/fuse
 * and the port `port_fd` (blocking). Call once, after the root is switched. Returns a descriptor of the mount's root,
 * or -1 with the failure.
 */
int fuse_start(int port_fd, struct failure *failure);

/*
 * Holds back requests to the host; returns true once none is being sent. Replies still reach the kernel. Call it again
 * until it returns true.
 */
bool fuse_pause(void);
void fuse_resume(void);

/* Counts since the start of the machine: bytes sent to the host, and bytes from it that reached the kernel. */
void fuse_counts(uint64_t *sent, uint64_t *received);

/* Unmounts the agent's own mount of the host's files, which keeps them in use after all others are gone. */
void fuse_stop(void);

#endif
