/* A directory of the initramfs that no path of the guest leads to once the root is switched. */
#ifndef GONDOLIN_HIDDEN_H
#define GONDOLIN_HIDDEN_H

#include "runtime/failure.h"

/* Makes and opens the directory. Call before the root is switched. */
bool hidden_make(struct failure *failure);

/* The directory's descriptor (O_PATH); -1 before hidden_make(). */
int hidden_directory(void);

#endif
