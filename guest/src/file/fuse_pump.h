/* The pump of the file channel: threads that copy messages between /dev/fuse and its port. */
#ifndef GONDOLIN_FUSE_PUMP_H
#define GONDOLIN_FUSE_PUMP_H

#include "runtime/failure.h"

/* Starts the threads for requests, replies and notifications. Both descriptors are blocking and stay open. Call once. */
bool fuse_pump_start(int fuse_fd, int port_fd, struct failure *failure);

/* Starts the thread that repeats edits of the host on the mount whose root is `root_fd`, which stays open. */
bool fuse_pump_start_edits(int root_fd, struct failure *failure);

#endif
