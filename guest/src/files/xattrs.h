/* Extended attributes of one file, read for whoever copies it. */
#ifndef GONDOLIN_FILES_XATTRS_H
#define GONDOLIN_FILES_XATTRS_H

#include "channel/wire.h"

/* Writes a name and a value for each; none where the file system has no such thing. 0, or an errno: E2BIG for more than a reply holds. */
int files_read_xattrs(const char *path, struct wire_writer *writer);

#endif
