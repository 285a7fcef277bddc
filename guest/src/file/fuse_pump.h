/* The pump of the file channel: threads that copy messages between /dev/fuse and its port, and what holds them back. */
#ifndef GONDOLIN_FUSE_PUMP_H
#define GONDOLIN_FUSE_PUMP_H

#include "runtime/failure.h"
#include <stdint.h>

/* Starts the threads for requests, replies and notifications. Both descriptors are blocking and stay open. Call once. */
bool fuse_pump_start(int fuse_fd, int port_fd, struct failure *failure);

/* Starts the thread that repeats edits of the host on the mount whose root is `root_fd`, which stays open. */
bool fuse_pump_start_edits(int root_fd, struct failure *failure);

/* From now on the end of the mount is no error. */
void fuse_pump_expect_end(void);

/*
 * Holds back requests to the host; returns true once none is being sent. Replies still reach the kernel. Call it again
 * until it returns true.
 */
bool fuse_pump_pause(void);
void fuse_pump_resume(void);

/* Counts since the start of the machine: bytes sent to the host, and bytes from it that reached the kernel. */
void fuse_pump_counts(uint64_t *sent, uint64_t *received);

#endif
