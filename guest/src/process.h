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

/*
 * Starts a child that calls `run(context)`, which executes a program or calls process_fail(), in a cgroup (cgroup_fd < 0:
 * the agent's own). The agent waits that long, and its memory is the child's too: the child may use system calls and
 * memory of its own only, and must not call setuid() and the like of libc, which would signal the agent's threads.
 * The program's pid, or -1 with `failure`.
 */
pid_t process_spawn(int cgroup_fd, void (*run)(const void *), const void *context, struct failure *failure);

/* In a child: ends it, with errno `error` and the stage `what` + `subject` as what process_spawn() fails with. */
void process_fail(int error, const char *what, const char *subject) __attribute__((noreturn));

#endif
