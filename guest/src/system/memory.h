/* What happens when memory runs out: the biggest process of the commands is killed at once, all else goes on. */
#ifndef GONDOLIN_MEMORY_H
#define GONDOLIN_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Limits the cgroup of all commands (`cgroup_fd`, kept) to what is free now, less a reserve, and kills when they use all of it.
 * What fails is logged.
 */
void memory_start(int cgroup_fd);

/* True when a process of the command's cgroup `id` was killed here. Its end is seen after that is true. */
bool memory_has_killed(uint32_t id);

#endif
