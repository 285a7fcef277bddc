/* The root file system of the commands. */
#ifndef GONDOLIN_ROOT_H
#define GONDOLIN_ROOT_H

#include "channel/message.h"
#include "runtime/failure.h"

/* ROOT: the image read-only below a tmpfs, made the root of the agent and all it starts. */
bool root_switch(const struct root_request *request, struct failure *failure);

/* A directory of the initramfs that no path of the guest leads to once the root is switched; -1 before. */
int root_hidden_directory(void);

/* SEAL: `/` read-only; mounts keep their own mode. */
bool root_seal(struct failure *failure);

/* Last thing before power off: unmounts every file system of the guest, after which no path of it is left. */
void root_unmount(void);

/* Makes a directory and what is missing above it (0755). 0, or -1 with errno. Async-signal-safe. */
int root_make_path(const char *path);

#endif
