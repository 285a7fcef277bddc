/* The child's half of an EXEC: becomes the user, enters the directory, runs the program. */
#ifndef GONDOLIN_EXEC_CHILD_H
#define GONDOLIN_EXEC_CHILD_H

#include "channel/message.h"

struct exec_child;

/*
 * Takes over the texts of `request` and, also on failure, the descriptors stdin, stdout and stderr. NULL without
 * memory.
 */
struct exec_child *exec_child_create(struct exec_request *request, const int stdio[3]);
void exec_child_free(struct exec_child *child);

/* For spawn_child(), with a struct exec_child; never returns. */
void exec_child_run(void *child) __attribute__((noreturn));

/* Returns the audit session that the child began; 0 if none. */
uint32_t exec_child_session(const struct exec_child *child);

#endif
