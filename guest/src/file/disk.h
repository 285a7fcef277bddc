/* MOUNT of kind disk: persistent volumes, each an ext4 file system on a block device of its own. */
#ifndef GONDOLIN_DISK_H
#define GONDOLIN_DISK_H

#include "channel/message.h"
#include "runtime/failure.h"

/* Mounts the directory `data` of a disk; the first mount of a disk makes it, with the owner and mode of the request. */
bool disk_mount(const struct mount_request *request, struct failure *failure);

/*
 * Unmounts every disk, so that a saved machine holds nothing of their contents: other machines may write to them before it
 * is restored. Looks up paths on host mounts. Fails with EBUSY while processes use one; disk_attach_all() must follow.
 */
bool disk_detach_all(struct failure *failure);

/* Mounts what disk_detach_all() unmounted, at the same places. Looks up no path on host mounts. */
bool disk_attach_all(struct failure *failure);

/* True when there are disks, whose cached data may take long to write back. */
bool disk_is_any(void);

/* Unmounts the disks for a power-off; one that is still in use is only written back. */
void disk_unmount_all(void);

#endif
