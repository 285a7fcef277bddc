/* The open files of a files process, by the numbers that the host chose. */
#ifndef GONDOLIN_FILES_HANDLES_H
#define GONDOLIN_FILES_HANDLES_H

#include <dirent.h>

#include "files/request.h"

/* Opens `path` as `handle`. 0, or an errno; EBUSY if the handle is open. */
int files_open(const struct files_request *request);

/* 0, or EBADF, or the error of close(). */
int files_close(uint32_t handle);

/* Returns the descriptor, or -1 if the handle is not open. */
int files_fd(uint32_t handle);

/* Returns the directory that is read through the handle; NULL with errno. */
DIR *files_directory(uint32_t handle);

#endif
