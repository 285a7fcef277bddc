/* Chooses and kills a process when memory runs out. */
#ifndef GONDOLIN_OOM_VICTIM_H
#define GONDOLIN_OOM_VICTIM_H

#include <stdint.h>

enum oom_result {
    OOM_KILLED,
    OOM_TOO_SMALL,
    OOM_NO_VICTIM,
};

/*
 * Kills the process below the cgroup that the kernel's own killer would take first (oom_score; of equals the youngest),
 * and waits for its end, two seconds at most. Calls `note` with the id of its command's cgroup first. Spares one that has
 * less than `min_bytes` in memory. Not for the loop.
 */
enum oom_result oom_kill_victim(int cgroup_fd, unsigned long min_bytes, void (*note)(uint32_t id));

#endif
