/* The root file system of the commands. */
#ifndef GONDOLIN_ROOT_H
#define GONDOLIN_ROOT_H

#include "channel/message.h"
#include "runtime/failure.h"

/* ROOT: the image read-only below a tmpfs, made the root of the agent and all it starts. */
bool root_switch(const struct root_request *request, struct failure *failure);

/* SEAL: `/` read-only; mounts keep their own mode. */
bool root_seal(struct failure *failure);

/* Last thing before power off: unmounts every file system of the guest, after which no path of it is left. */
void root_unmount(void);

#endif
