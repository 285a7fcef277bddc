/* The root file system of the commands. */
#ifndef GONDOLIN_ROOT_H
#define GONDOLIN_ROOT_H

#include "channel/message.h"
#include "runtime/failure.h"

/* ROOT: mounts the image read-only below a tmpfs and makes it the root of the agent and all that it starts. */
bool root_switch(const struct root_request *request, struct failure *failure);

/* SEAL: makes `/` read-only; mounts keep their own mode. */
bool root_seal(struct failure *failure);

/* Unmounts every file system of the guest, last thing before power-off: no path of the guest is left afterwards. */
void root_unmount(void);

#endif
