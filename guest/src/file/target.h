/* Mount points. */
#ifndef GONDOLIN_TARGET_H
#define GONDOLIN_TARGET_H

#include <stdbool.h>

#include "runtime/failure.h"

/* Makes a directory, or an empty file, and the directories above it. An existing one stays as it is. */
bool target_make(const char *target, bool is_file, struct failure *failure);

#endif
