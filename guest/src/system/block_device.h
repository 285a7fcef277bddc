/* Virtio block devices, found by the serial numbers that QEMU gives them. */
#ifndef GONDOLIN_BLOCK_DEVICE_H
#define GONDOLIN_BLOCK_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/failure.h"

/* Serial numbers of virtio block devices have at most 20 bytes. */
#define BLOCK_DEVICE_SERIAL_BYTES 20
#define BLOCK_DEVICE_PATH_BYTES 32

/* Writes the path of the device with that serial number. */
bool block_device_find_once(const char *serial, char *path, size_t size);

/* The same, but waits a while for its driver, which may still be probing it. */
bool block_device_find(const char *serial, char *path, size_t size, struct failure *failure);

#endif
