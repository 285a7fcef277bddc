/* Files of a few bytes, such as those of /proc and cgroups, in one read. */
#ifndef GONDOLIN_SMALL_FILE_H
#define GONDOLIN_SMALL_FILE_H

#include <stddef.h>

/*
 * Reads at most `capacity` - 1 bytes into `text` and ends it with NUL; empty on failure. Returns the count, or -1 with
 * errno. Async-signal-safe.
 */
long small_file_read(int directory_fd, const char *path, char *text, size_t capacity);

#endif
