/* Operations on names: making and removing directories and trees, links. Each returns 0 or an errno. */
#ifndef GONDOLIN_FILES_NAMES_H
#define GONDOLIN_FILES_NAMES_H

#include <stdbool.h>

#include "files/request.h"

int files_mkdir(const struct files_request *request);

/* Removes some of a large tree at a time: while `has_more` becomes true, the host asks again. */
int files_remove(const struct files_request *request, bool *has_more);

/* Writes a path that the kernel returns: READLINK and REALPATH. */
int files_readlink(const char *path, struct wire_writer *writer);
int files_realpath(const char *path, struct wire_writer *writer);

#endif
