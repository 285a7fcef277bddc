/* Children of the agent: how they start and how they report a failure. */
#ifndef GONDOLIN_PROCESS_H
#define GONDOLIN_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../protocol.h"

/* Why a request failed: errno and the stage as it goes on the wire. */
struct failure {
    int error;
    char stage[1024];
};

/* Fills `failure` from errno and a printf-like stage; gives false, so that stages can end in `return failed(…)`. */
bool failed(struct failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One start of a child. The caller sets the first three. */
struct process_start {
    /* Calls this, which executes a program or calls process_fail(). */
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
void process_spawn(struct process_start *start);

/* In a child: ends it, with errno `error` and the stage `what` + `subject` as why process_spawn() failed. */
void process_fail(int error, const char *what, const char *subject) __attribute__((noreturn));

#endif
