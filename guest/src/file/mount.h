/* MOUNT: host directories, tmpfs and disks at guest paths. */
#ifndef GONDOLIN_MOUNT_H
#define GONDOLIN_MOUNT_H

#include "channel/message.h"
#include "runtime/failure.h"

/* Takes over the fs port for the file system of the first host mount. */
void mount_init(int fs_port_fd);

/* Looks up paths on host mounts while the agent waits: the host replies to those lookups on the fs port. */
bool mount_serve(const struct mount_request *request, struct failure *failure);

#endif
