/* MOUNT: host directories and tmpfs at guest paths. */
#ifndef GONDOLIN_MOUNT_H
#define GONDOLIN_MOUNT_H

#include "message.h"

/* Takes over the fs port for the file system of the first host mount. */
void mount_init(int fs_port_fd);

/* Answers OK or FAILED later: looking a path up may need the host, so a child does it. */
void mount_start(uint32_t request_id, const struct mount_request *request);

#endif
