/* Threads of the agent. */
#ifndef GONDOLIN_THREAD_H
#define GONDOLIN_THREAD_H

#include <stddef.h>

/* Starts a detached thread that takes no signal: the loop handles them all. 0, or an errno. */
int thread_start(void *(*run)(void *), void *argument, size_t stack_bytes);

#endif
