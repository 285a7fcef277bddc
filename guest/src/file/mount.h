/* MOUNT: host directories, tmpfs and disks at guest paths. */
#ifndef GONDOLIN_MOUNT_H
#define GONDOLIN_MOUNT_H

#include "channel/message.h"
#include "runtime/failure.h"

/* Takes over the fs port for the file system of the first host mount. */
void mount_init(int fs_port_fd);

/* A descriptor of the fs port for a program, once, and instead of host mounts; -1 with errno EBUSY when it is in use. */
int mount_take_port(void);

/* Looks up paths on host mounts while the agent waits: the host replies to those lookups on the fs port. */
bool mount_serve(const struct mount_request *request, struct failure *failure);

#endif
