/* Attributes of one file: reading, changing and writing them into a reply. */
#ifndef GONDOLIN_FILES_ATTRIBUTES_H
#define GONDOLIN_FILES_ATTRIBUTES_H

#include <sys/stat.h>

#include "channel/wire.h"
#include "files/request.h"

void files_write_attributes(struct wire_writer *writer, const struct stat *status);

/* `fd` is that of the target's handle, or negative for its path. 0, or an errno. */
int files_stat(const struct files_request *request, int fd, struct stat *status);
int files_set(const struct files_request *request, int fd);

#endif
