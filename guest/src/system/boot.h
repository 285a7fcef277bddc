/* From the kernel's start of /init to two open ports: file systems, modules, ports. */
#ifndef GONDOLIN_BOOT_H
#define GONDOLIN_BOOT_H

#include "runtime/failure.h"

/* Mounts /proc, /sys and /dev of the initramfs. False with the failure. */
bool boot_mount(struct failure *failure);

/* Loads /modules/NAME for each line of /modules.order, in order. */
bool boot_load_modules(struct failure *failure);

/* Opens the virtio port of that name; waits for it up to two seconds. Returns the fd, or -1 with the failure. */
int boot_open_port(const char *name, int flags, struct failure *failure);

/* Frees the initramfs's memory once its files are loaded. */
void boot_free_initramfs(void);

#endif
