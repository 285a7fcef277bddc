/* Messages over a local socket that may carry a descriptor. */
#ifndef GONDOLIN_JS_DESCRIPTOR_H
#define GONDOLIN_JS_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>

/* `fd` is sent along unless it is -1. */
bool send_descriptor(int socket, const void *message, size_t length, int fd);

/* Waits for a message of that length; `*fd` is -1 when none came with it. False at the end, and where a socket that does not wait has no message. */
bool receive_descriptor(int socket, void *message, size_t length, int *fd);

#endif
