/* Making and removing a cgroup takes as long as starting a program: both happen while nobody waits. */
#ifndef GONDOLIN_CGROUP_POOL_H
#define GONDOLIN_CGROUP_POOL_H

#include "system/cgroup.h"

/* Has some ready. Call once there is a cgroup file system. */
void cgroup_pool_fill(void);

/* As cgroup_create(), from the pool when it has one. */
int cgroup_take(struct cgroup *cgroup);

/* Removes it soon. Its fds are closed at once. */
void cgroup_retire(struct cgroup *cgroup);

#endif
