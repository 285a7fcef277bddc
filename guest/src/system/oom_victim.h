/* Chooses and kills a process when memory runs out. */
#ifndef GONDOLIN_OOM_VICTIM_H
#define GONDOLIN_OOM_VICTIM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Kills the process below the cgroup that the kernel's own killer would take first (oom_score; of equals the youngest),
 * and waits for its end, two seconds at most. Calls `note` with the id of its command's cgroup first. False if there is
 * none. Not for the loop.
 */
bool oom_kill_victim(int cgroup_fd, void (*note)(uint32_t id));

#endif
