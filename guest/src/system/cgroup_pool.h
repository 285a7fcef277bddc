/* A pool of cgroups: making and removing one takes as long as starting a program, so both happen while nobody waits. */
#ifndef GONDOLIN_CGROUP_POOL_H
#define GONDOLIN_CGROUP_POOL_H

#include "system/cgroup.h"

/* Makes some ready. Call once there is a cgroup file system. */
void cgroup_pool_fill(void);

/* Like cgroup_create(), from the pool if it has one. */
int cgroup_take(struct cgroup *cgroup);

/* Closes its fds at once and removes it soon. */
void cgroup_retire(struct cgroup *cgroup);

#endif
