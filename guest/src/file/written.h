/*
 * State of files that the guest has just written, and of directories in which it has just changed a name, as the host has described it, from
 * which the agent replies to the kernel itself. A program that seeks in a file that it writes makes the kernel ask for attributes and contents
 * after each part; one that makes files makes it ask for the attributes of their directory. An entry goes with each notification and each
 * request that may make it untrue. Thread-safe.
 */
#ifndef GONDOLIN_WRITTEN_H
#define GONDOLIN_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Replies to a request on `device_fd` if that is possible. Otherwise the request goes to the host: it may have been marked for it. */
bool written_answer(int device_fd, uint8_t *request, size_t length);

/* Takes over a NOTIFY_WRITTEN message. */
void written_add(const uint8_t *message, size_t length);

/* Call with each other notification, before the kernel gets it. */
void written_drop(const uint8_t *notification, size_t length);

#endif
