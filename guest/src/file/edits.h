/*
 * Edits of the host as events: system calls on the mount that repeat what the host did, so that the guest's kernel tells
 * the programs that watch the file. The host knows them by their user and group ids, and replies without doing them.
 */
#ifndef GONDOLIN_EDITS_H
#define GONDOLIN_EDITS_H

#include <stddef.h>
#include <stdint.h>

/* Body of the thread that makes these calls; `root` is a pointer to a descriptor of the mount's root, which stays valid. */
void *edits_run(void *root);

/* Queues the edit of a message (docs/protocol.md, "File channel"). Drops it if it is malformed or there are too many. */
void edits_add(const uint8_t *message, size_t length);

#endif
