/* Children of the agent: how they start and how they report a failure. */
#ifndef GONDOLIN_SPAWN_H
#define GONDOLIN_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/failure.h"

/* One start of a child. The caller sets the first three. */
struct spawn {
    /* Calls this, which executes a program or calls spawn_fail(). */
    void (*run)(void *context);
    void *context;
    /* < 0: the agent's own cgroup. */
    int cgroup_fd;
    /* 0 until there is a child. Set before the child runs, so that its end always finds it. */
    volatile pid_t pid;
    volatile bool has_failed;
    struct failure failure;
};

/*
 * Starts a child and returns once it executes its program or has failed. That may take as long as the guest likes (a path
 * may lead to a file system that never answers), so it is work for a thread of worker.h. Until then the memory of the agent
 * is the child's too: the child may use system calls and memory of its own only, and must not call setuid() and the like of
 * libc, which would signal the agent's threads.
 */
void spawn_child(struct spawn *start);

/* In a child: ends it, with errno `error` and the stage `what` + `subject` as why spawn_child() failed. */
void spawn_fail(int error, const char *what, const char *subject) __attribute__((noreturn));

#endif
