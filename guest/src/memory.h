/* What the guest does when memory runs out: a process of a command ends at once, the agent and the kernel go on. */
#ifndef GONDOLIN_MEMORY_H
#define GONDOLIN_MEMORY_H

/* Makes the kernel kill rather than thrash. Needs /sys; what fails is logged. */
void memory_setup(void);

/* Limits the cgroup `cgroup_fd` and all below to what is available now, less a reserve; what fails is logged. */
void memory_limit(int cgroup_fd);

#endif
