/* Opens new terminals. */
#ifndef GONDOLIN_DEVPTS_H
#define GONDOLIN_DEVPTS_H

#include "runtime/failure.h"

/* Remembers the file system of terminals that is mounted at /dev/pts, whatever happens to that path later. */
bool devpts_init(struct failure *failure);

/* Returns the non-blocking master of a new terminal, or -1 with errno. Never waits for the guest. */
int devpts_open(void);

#endif
