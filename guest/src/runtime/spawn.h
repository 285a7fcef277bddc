/* Starts children of the agent and reports why a start failed. */
#ifndef GONDOLIN_SPAWN_H
#define GONDOLIN_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "runtime/failure.h"

/* One start of a child. The caller sets the first three members. */
struct spawn {
    /* Runs in the child; must execute a program or call spawn_fail(). */
    void (*run)(void *context);
    void *context;
    /* The cgroup to start in; negative: the agent's own. */
    int cgroup_fd;
    /* 0 until there is a child. Set before the child runs, so that the handler of its end always finds it. */
    volatile pid_t pid;
    volatile bool has_failed;
    struct failure failure;
};

/*
 * Starts a child and returns once it executes its program or has failed. That may take as long as the guest likes (a
 * path may lead to a file system that never replies), so call it on a thread of worker.h. Until it returns, the child
 * shares the agent's memory: the child may use system calls and memory of its own only, and must not call setuid() and
 * similar functions of libc, which would signal the agent's threads.
 */
void spawn_child(struct spawn *start);

/* In a child: ends it and makes spawn_child() fail with errno `error` and the stage `what` + `subject`. */
void spawn_fail(int error, const char *what, const char *subject) __attribute__((noreturn));

#endif
