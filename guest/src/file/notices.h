/* Notifications of the host for the kernel's caches: a queue, and a thread that passes them on in their order. */
#ifndef GONDOLIN_NOTICES_H
#define GONDOLIN_NOTICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The kernel takes a notification only once nothing looks up names in its directory, or reads its file. Those wait for
 * replies of the host, so replies must continue meanwhile: notifications have a thread of their own.
 */
/* Passes one message to the kernel. May wait. */
typedef void (*notices_pass)(const uint8_t *message, size_t length);

/* Body of that thread; `pass` is a pointer to a notices_pass, which stays valid. */
void *notices_run(void *pass);

/* Appends a copy. False when there is no memory for it. */
bool notices_add(const uint8_t *message, size_t length);

#endif
