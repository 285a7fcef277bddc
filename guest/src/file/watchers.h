/* Files that programs of the guest watch (inotify). */
#ifndef GONDOLIN_WATCHERS_H
#define GONDOLIN_WATCHERS_H

#include <stdbool.h>
#include <stdint.h>

/* Looks through all processes. Only files of the file system with this minor device number count. */
void watchers_scan(unsigned device_minor);

/* True if the last scan found a watch on this inode. */
bool watchers_has(uint64_t inode);

#endif
