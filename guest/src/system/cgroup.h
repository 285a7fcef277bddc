/* One cgroup (version 2) per EXEC: finds and kills every descendant, also those that left the session. */
#ifndef GONDOLIN_CGROUP_H
#define GONDOLIN_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

struct cgroup {
    /* -1 if there is no cgroup file system. */
    int directory_fd;
    /* cgroup.events: EPOLLPRI when it changes. */
    int events_fd;
    uint32_t id;
};

/* Makes the parent of all EXEC cgroups. 0, or -1 with errno: EXECs then run without one. */
int cgroup_setup(void);

/* Makes a cgroup. 0, or -1 with errno. Without a cgroup file system it returns 0 and fds of -1. */
int cgroup_create(struct cgroup *cgroup);

/* Reads cgroup.events; returns true if no live process is in it or below. */
bool cgroup_is_empty(const struct cgroup *cgroup);

/* Returns true if a process in it or below was killed because memory ran out. */
bool cgroup_ran_out_of_memory(const struct cgroup *cgroup);

/* Sends SIGKILL to all processes, atomically. 0, or -1 with errno. */
int cgroup_kill(const struct cgroup *cgroup);

/* Sends `signal` to each process in it and below; returns how many received it. */
unsigned cgroup_signal(const struct cgroup *cgroup, int signal);

/* Stops or resumes the processes of all EXECs, also those that start later. 0, or -1 with errno. */
int cgroup_freeze_all(bool is_frozen);

/* Returns true once no process of an EXEC runs any more. A process in a system call stops when that returns. */
bool cgroup_all_frozen(void);

/* Closes the fds and leaves the cgroup. */
void cgroup_close(struct cgroup *cgroup);

/* Removes the cgroup of that id and what the guest made below. False while a process holds it. */
bool cgroup_remove(uint32_t id);

#endif
