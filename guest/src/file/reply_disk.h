/*
 * The disk by which the host passes the data of large replies: one transfer of the block device instead of a page at a time
 * through the port. Used by one thread, but for the count.
 */
#ifndef GONDOLIN_REPLY_DISK_H
#define GONDOLIN_REPLY_DISK_H

#include <stdint.h>

/*
 * Reads the data of a reply that names a slot of the disk, and counts it as taken. Returns `length` bytes, valid until the
 * next call, or NULL with errno.
 */
const uint8_t *reply_disk_take(uint32_t slot, uint32_t length);

/* Writes into a request's header how many replies were taken so far, modulo 65536: the host uses their slots again. */
void reply_disk_mark(uint8_t *request);

#endif
