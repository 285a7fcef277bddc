/* FILE: writes a file of the guest. */
#ifndef GONDOLIN_FILE_H
#define GONDOLIN_FILE_H

#include "channel/message.h"
#include "runtime/failure.h"

/* Writes or appends to a regular file as root; makes missing parents (0755). Blocks while the file system does. */
bool file_write(const struct file_request *request, struct failure *failure);

#endif
