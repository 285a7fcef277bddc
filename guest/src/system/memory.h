/*
 * Handles a guest that is out of memory: kills the biggest process of the commands at once; everything else continues.
 */
#ifndef GONDOLIN_MEMORY_H
#define GONDOLIN_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Limits the cgroup of all commands (`cgroup_fd`, kept) to what is free now, less a reserve, and kills a process when
 * they use all of it. Failures are logged.
 */
void memory_start(int cgroup_fd);

/*
 * Limits a command's own cgroup to a little less than all commands may use: files that it leaves in memory cannot fill
 * what the next command needs to remove them. Failures are logged.
 */
void memory_limit_command(int directory_fd);

/* Returns true if a process of the command's cgroup `id` was killed here. True before its end is seen. */
bool memory_has_killed(uint32_t id);

#endif
